// Package contract proves what every row of pkg/traffic promises, against a real API server with the routers' own
// schemas: a route is found, split, given back byte for byte, and nothing in it that isn't dro's is touched.
//
// It has tests only. No router runs here, so it shows what is written and not how traffic flows; that is for
// playground/scenario. Start reading at TestContract; a new row is picked up by itself, and needs an example in
// pkg/traffic/testdata/routers and a schema (schemas_test.go says where those come from).
package contract
