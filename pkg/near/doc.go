// Package near finds the known word that someone meant who wrote another. It knows nothing of what the words are.
package near
