package traffic

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Row says how one kind of router splits traffic. Paths are dotted; [*] stands for every element of a list, or every
// value of a map.
type Row struct {
	Name     string   `json:"name"`
	Title    string   `json:"title,omitempty"` // as a person calls it
	Kind     string   `json:"kind"`
	Group    string   `json:"group"`
	Version  string   `json:"version"`
	Older    []string `json:"older,omitempty"` // versions of the same shape, where Version is not served
	Resource string   `json:"resource"`

	Form   Form   `json:"form,omitempty"`
	Class  *Class `json:"class,omitempty"`  // the Ingresses that are this router's
	Decode string `json:"decode,omitempty"` // the beginning of annotations whose value is JSON, read as part of the object

	Lists   []List   `json:"lists,omitempty"`   // where backends stand
	Service []string `json:"service,omitempty"` // in a backend: what names its Service; the first that is there
	Names   []string `json:"names,omitempty"`   // how a Service is named: {name} {namespace} {domain} {port}; by its name when empty
	Is      []Is     `json:"is,omitempty"`      // in a backend: what else must hold for it to name that Service
	Aside   []Is     `json:"aside,omitempty"`   // in an entry: what makes it no backend, such as a mirror
	Via     *Via     `json:"via,omitempty"`     // what a backend names is not a Service, but an entry of this list that does
	Port    string   `json:"port,omitempty"`    // in a backend: the Service's port
	Drop    []string `json:"drop,omitempty"`    // in green's backend: what does not hold for blue's
	Twin    *Twin    `json:"twin,omitempty"`

	Weight  string `json:"weight,omitempty"`  // in a backend: its weight
	Weights string `json:"weights,omitempty"` // else the annotation with every Service's weight
	Absent  int64  `json:"absent,omitempty"`  // what a missing weight means
	Even    bool   `json:"even,omitempty"`    // it means an equal share when all are missing, and nothing when some are there
	Lone    bool   `json:"lone,omitempty"`    // a backend that is alone in its rule gets everything, whatever its weight
	Total   int64  `json:"total,omitempty"`   // what the weights of a rule must add up to
	Rules   int    `json:"rules,omitempty"`   // how many rules an object may have; 0: any number

	Observed Observed `json:"observed"`
	Choosing Choosing `json:"choosing"`
	Can      Can      `json:"can"`
	Shares   string   `json:"shares,omitempty"` // which shares it can be set to, when it is not any
	Custom   bool     `json:"custom,omitempty"` // a user brought it
	Note     string   `json:"note,omitempty"`
	Docs     string   `json:"docs,omitempty"` // what the row follows
}

// Form is the way in which a router's objects split traffic.
type Form string

// The forms. Most routers have backends with weights in one object, which is the zero Form.
const (
	TwinForm   Form = "twin"   // blue has an object of its own beside green's, and its weight there
	SwitchForm Form = "switch" // green's Service selects blue's pods instead of green's

	ReplicasForm Form = "replicas" // green's Service gets some of blue's pods beside green's
)

// says is what a form writes, for a person.
func (f Form) says() string {
	switch f {
	case TwinForm:
		return "an object of blue's own, named like green's with blue's Service"
	case SwitchForm:
		return "`spec.selector`"
	case ReplicasForm:
		return "an EndpointSlice beside green's; at 100 % `spec.selector`"
	}
	return "green's object"
}

// List is where the backends of a rule stand.
type List struct {
	Path   string `json:"path"`
	First  string `json:"first,omitempty"`  // a backend that stands before the list, on its own
	Single string `json:"single,omitempty"` // beside the list: what stands instead of it when there is one backend
	As     string `json:"as,omitempty"`     // in a backend: where Single's content is
	Heirs  string `json:"heirs,omitempty"`  // rules that have these backends where they have none of their own
	Cases  string `json:"cases,omitempty"`  // beside the list: the rule's list of exceptions
	Group  string `json:"group,omitempty"`  // in a backend: what those of one rule have in common, when the list holds many rules
}

// Is is a field of a backend that has one of the given values, or is missing.
// The value "." stands for the slots' namespace; missing, it is the route's own.
type Is struct {
	Path   string   `json:"path"`
	Values []string `json:"values"`
	Must   bool     `json:"must,omitempty"` // it may not be missing
}

// Via is a list in the object that gives Services the names by which backends know them.
type Via struct {
	List    string `json:"list"`
	Name    string `json:"name"`
	Service string `json:"service"`
	Port    string `json:"port,omitempty"`
}

// Twin is what makes blue's object out of green's.
type Twin struct {
	Annotations map[string]string `json:"annotations,omitempty"`
	Weight      []string          `json:"weight"`         // the way to blue's percentage
	Text        bool              `json:"text,omitempty"` // it is written as text
	Keep        []string          `json:"keep,omitempty"` // what of the spec goes along; all of it when empty
}

// Class says whose an Ingress is: an IngressClass of this controller, or of this name where classes can't be read.
type Class struct {
	Controller string `json:"controller,omitempty"`
	Name       string `json:"name"`
}

// Can is what dro does with a router.
type Can struct {
	Weights bool `json:"weights"` // any share; else 0 % and 100 % only
	Match   bool `json:"match"`   // chosen requests go to blue
	Sticky  bool `json:"sticky"`  // a person stays on one slot
	Mirror  bool `json:"mirror"`  // blue gets copies
	TCP     bool `json:"tcp"`     // connections as well as requests
}

// Observed says how a router reports that it took an object's latest generation, and how it refuses it.
type Observed struct {
	Wanted   string `json:"wanted,omitempty"`   // the list of parents that the route asks for; each must report
	Reported string `json:"reported,omitempty"` // the list of parents that have reported
	Parent   string `json:"parent,omitempty"`   // in a report: the parent it is from

	Generation string   `json:"generation,omitempty"` // the generation that the router has taken
	Conditions string   `json:"conditions,omitempty"` // the list of conditions, where there are no parents
	True       []string `json:"true,omitempty"`       // conditions; the first must be there, and those there must be true and fresh

	Seconds int64    `json:"seconds,omitempty"` // how long it is given, as it does not say when it has taken a change
	State   string   `json:"state,omitempty"`   // a word for how it likes the object
	Bad     []string `json:"bad,omitempty"`     // the words by which it refuses it
	Message string   `json:"message,omitempty"` // why
}

// Verbs are what dro does to the row's objects; a caller can ask beforehand whether it may.
func (r Row) Verbs() []string {
	if r.Form == TwinForm {
		return []string{"get", "list", "watch", "patch", "create", "delete"}
	}
	return []string{"get", "list", "watch", "patch"}
}

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
	Slots     string          `json:"slots,omitempty"` // the slots' namespace, when it is not the route's
	Green     string          `json:"green"`           // green's Service
	Blue      string          `json:"blue"`            // blue's Service
	Port      int64           `json:"port,omitempty"`
	Pods      int             `json:"pods,omitempty"` // green's at the launch, where they are what shares are made of
	Original  json.RawMessage `json:"original"`       // the whole object but its status

	Session string   `json:"session,omitempty"` // what the rollout's cookies are named by
	Choices []Choice `json:"choices,omitempty"` // whom the rollout's phases lead to blue beside its share
	Choice  Choice   `json:"-"`                 // the one of the phase that is written
}

// String names the object: httproute food-svc/food.
func (r Route) String() string { return strings.ToLower(r.Row.Kind) + " " + r.Namespace + "/" + r.Name }

// slotsNamespace is where green's and blue's Services are.
func (r Route) slotsNamespace() string {
	if r.Slots != "" {
		return r.Slots
	}
	return r.Namespace
}
