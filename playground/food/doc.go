// Package food is the food-delivery licensing service that the playground releases: two components,
// hms-svc-food (a service) and food-delivery (a micro front end), whose tags behave well or badly on purpose.
//
// The same handler runs inside the playground's simulated node and, built from cmd/food, as a static binary on
// a real one. The package knows nothing about clusters beyond the manifests it renders, and nothing about dro.
//
// Start reading in behaviour.go: it is the whole catalogue of what each tag does.
package food
