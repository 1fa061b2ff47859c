package traffic

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Row says how one kind of router splits traffic. Paths are dotted; [*] stands for every element of a list.
type Row struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Group    string   `json:"group"`
	Version  string   `json:"version"`
	Resource string   `json:"resource"`
	Backends string   `json:"backends"`       // the lists that hold backends
	Service  string   `json:"service"`        // in a backend: the Service's name
	Is       []Is     `json:"is,omitempty"`   // in a backend: what else must hold for it to name that Service
	Port     string   `json:"port,omitempty"` // in a backend: the Service's port
	Weight   string   `json:"weight"`         // in a backend: its weight
	Absent   int64    `json:"absent"`         // what a missing weight means
	Observed Observed `json:"observed"`
}

// Is is a field of a backend that has one of the given values, or is missing.
// The value "." stands for the route's own namespace.
type Is struct {
	Path   string   `json:"path"`
	Values []string `json:"values"`
}

// Observed says where a router reports that it took a route's latest generation.
type Observed struct {
	Wanted   string   `json:"wanted"`   // the list of parents the route asks for
	Reported string   `json:"reported"` // the list of parents that have reported
	Parent   string   `json:"parent"`   // in a report: the parent it is from
	True     []string `json:"true"`     // conditions; the first must be there, and those there must be true and fresh
}

// Rows are the routers dro knows.
func Rows() []Row {
	return []Row{
		{
			Name: "gateway-api", Kind: "HTTPRoute",
			Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes",
			Backends: "spec.rules[*].backendRefs", Service: "name", Port: "port", Weight: "weight", Absent: 1,
			Is: []Is{
				{Path: "kind", Values: []string{"Service"}},
				{Path: "group", Values: []string{""}},
				{Path: "namespace", Values: []string{"."}},
			},
			Observed: Observed{
				Wanted: "spec.parentRefs", Reported: "status.parents", Parent: "parentRef",
				True: []string{"Accepted", "ResolvedRefs"},
			},
		},
	}
}

// Verbs are what dro does to a router's objects; a caller can ask beforehand whether it may.
func Verbs() []string { return []string{"get", "list", "watch", "patch"} }

// GVR is the row's resource.
func (r Row) GVR() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Resource}
}

// Route is one router object as it was found at the launch. It is plain data, kept in the record, and holds its row,
// so that any later process does with it what the one that found it would have done.
type Route struct {
	Row       Row             `json:"row"`
	Namespace string          `json:"namespace"`
	Name      string          `json:"name"`
	Component string          `json:"component"`
	Green     string          `json:"green"` // green's Service
	Blue      string          `json:"blue"`  // blue's Service
	Port      int64           `json:"port,omitempty"`
	Original  json.RawMessage `json:"original"` // the whole object but its status
}

// String names the object: httproute food-svc/food.
func (r Route) String() string { return strings.ToLower(r.Row.Kind) + " " + r.Namespace + "/" + r.Name }

// Share is how one route splits a component's traffic, as the cluster has it.
type Share struct {
	Component string      `json:"component"`
	Route     string      `json:"route"` // httproute food-svc/food
	Rules     []RuleShare `json:"rules"` // every rule that names green or blue
}

// RuleShare is the split within one rule.
type RuleShare struct {
	Path  string `json:"path"` // spec.rules[0].backendRefs
	Green int64  `json:"green"`
	Blue  int64  `json:"blue"`
}

// Percent is blue's share. It is false when the rules disagree, the share is no whole percent, or no rule names a slot.
func (s Share) Percent() (int, bool) {
	percent, known := 0, false
	for _, r := range s.Rules {
		sum := r.Green + r.Blue
		if sum <= 0 { // the route's owner has switched this rule off
			continue
		}
		if r.Blue*100%sum != 0 || known && int64(percent) != r.Blue*100/sum {
			return 0, false
		}
		percent, known = int(r.Blue*100/sum), true
	}
	return percent, known
}
