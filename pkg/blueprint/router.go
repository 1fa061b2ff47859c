package blueprint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"dro.dev/kubectl-dro/pkg/near"
)

// Router says which router splits a component's traffic. The short form is kind/name, for a router dro knows; the long
// form brings a router that it doesn't: where its backends are, and what names their Service and weight.
type Router struct {
	APIVersion string    `json:"apiVersion,omitempty" doc:"The kind's group and version, such as example.com/v1."`
	Kind       string    `json:"kind,omitempty" doc:"The router's kind."`
	Resource   string    `json:"resource,omitempty" doc:"The kind's name in the API. Default: the kind in lower case with an s."`
	Name       string    `json:"name,omitempty" doc:"The object's name. Default: every object of the kind that names green."`
	Backends   string    `json:"backends,omitempty" doc:"Path to the lists of backends, such as spec.rules[*].backends."`
	Service    string    `json:"service,omitempty" doc:"Path in a backend to its Service's name."`
	Weight     string    `json:"weight,omitempty" doc:"Path in a backend to its weight."`
	Port       string    `json:"port,omitempty" doc:"Path in a backend to its Service's port."`
	Namespace  string    `json:"namespace,omitempty" doc:"Path in a backend to its Service's namespace. Default: the object's own."`
	Absent     int       `json:"absent,omitempty" min:"0" max:"1000000" doc:"What a missing weight means. Default: 0, and everything for a backend that is alone."`
	Total      int       `json:"total,omitempty" min:"0" max:"1000000" doc:"What the weights of a rule must add up to. Default: anything."`
	Generation string    `json:"generation,omitempty" doc:"Path to the generation that the router has taken, such as status.observedGeneration."`
	Wait       *Duration `json:"wait,omitempty" doc:"How long the router is given to take a change when it reports no generation. Default: 5s."`
}

// Custom tells whether the router is one that the blueprint brings.
func (r *Router) Custom() bool {
	return r != nil && (r.APIVersion != "" || r.Backends != "" || r.Service != "" || r.Weight != "")
}

// String is the short form.
func (r *Router) String() string {
	switch {
	case r == nil:
		return ""
	case r.Name == "":
		return r.Kind
	}
	return r.Kind + "/" + r.Name
}

// routerName is a Router's short form.
type routerName string

func (n *routerName) parse(text string) error {
	if !router.MatchString(text) {
		hint := "write kind/name, such as httproute/food"
		if nearest, mean := near.Suggest(text, []string{"service", "replicas"}); nearest != "" {
			hint = mean
		}
		return hinted{fmt.Sprintf("%q is not a router", text), hint}
	}
	*n = routerName(text)
	return nil
}

func (r *Router) short() scalar { return new(routerName) }

// UnmarshalJSON reads the long form and the short one.
func (r *Router) UnmarshalJSON(data []byte) error {
	if t := bytes.TrimSpace(data); len(t) > 0 && t[0] != '{' {
		var name routerName
		if err := unmarshalScalar(data, &name); err != nil {
			return err
		}
		r.Kind, r.Name, _ = strings.Cut(string(name), "/")
		return nil
	}
	type long Router
	return json.Unmarshal(data, (*long)(r))
}

// ParseRouter reads a router in its long form, as ConfigMap dro-config holds it. The error joins an *Error for every
// problem found.
func ParseRouter(data []byte) (*Router, error) {
	src, err := read(data)
	if err != nil {
		return nil, err
	}
	s := &shape{at: map[string]*yaml.Node{}}
	s.value("", src.root, reflect.TypeFor[Router](), "")
	if len(s.problems) > 0 {
		return nil, inOrder(s.problems)
	}
	r := new(Router)
	if err := sigsyaml.UnmarshalStrict(src.text, r); err != nil {
		return nil, fmt.Errorf("read the router: %w", err)
	}
	c := new(check)
	if c.router("router", r); !r.Custom() {
		c.add("router", "describes no router", "give it apiVersion, kind, backends, service and weight")
	}
	for _, p := range c.found {
		p.Line, p.Column = 1, 1
	}
	if len(c.found) > 0 {
		return nil, inOrder(c.found)
	}
	return r, nil
}

// router checks the long form.
func (c *check) router(path string, r *Router) {
	if r == nil || !r.Custom() {
		return
	}
	for _, f := range []struct{ key, value, such string }{
		{"apiVersion", r.APIVersion, "apiVersion: example.com/v1"},
		{"kind", r.Kind, "kind: TrafficRoute"},
		{"backends", r.Backends, "backends: spec.rules[*].backends"},
		{"service", r.Service, "service: name"},
		{"weight", r.Weight, "weight: weight"},
	} {
		if f.value == "" {
			c.add(path, "lacks "+f.key, "write it like "+f.such)
		}
	}
	for _, f := range []struct {
		key, value string
		lists      bool
	}{
		{"backends", r.Backends, true}, {"service", r.Service, false}, {"weight", r.Weight, false},
		{"port", r.Port, false}, {"namespace", r.Namespace, false}, {"generation", r.Generation, false},
	} {
		pattern, such := fieldPath, "metadata.name"
		if f.lists {
			pattern, such = listPath, "spec.rules[*].backends"
		}
		if f.value != "" && !pattern.MatchString(f.value) {
			c.add(path+"."+f.key, fmt.Sprintf("%q is not a path", f.value), "write keys with dots between, like "+such)
		}
	}
	if r.APIVersion != "" && !apiVersion.MatchString(r.APIVersion) {
		c.add(path+".apiVersion", fmt.Sprintf("%q is not a group and version", r.APIVersion), "write it like example.com/v1")
	}
}

var (
	router     = regexp.MustCompile(`^(service|replicas|[A-Za-z][A-Za-z0-9.-]*/[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$`)
	apiVersion = regexp.MustCompile(`^([a-z0-9.-]+/)?v[a-z0-9]+$`)
	fieldPath  = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	listPath   = regexp.MustCompile(`^[A-Za-z0-9_-]+(\[\*\])?(\.[A-Za-z0-9_-]+(\[\*\])?)*\.[A-Za-z0-9_-]+$`)
)
