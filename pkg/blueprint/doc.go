// Package blueprint is the file a user writes: its types, strict loading, defaults, validation and JSON Schema.
//
// It knows nothing of a cluster. Start reading at Blueprint (types.go), then Load.
package blueprint
