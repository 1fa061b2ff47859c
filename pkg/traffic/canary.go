package traffic

import (
	"fmt"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// The annotations by which ingress-nginx leads chosen requests to a canary Ingress, whatever its weight.
const (
	canaryHeader = "nginx.ingress.kubernetes.io/canary-by-header"
	canaryValue  = "nginx.ingress.kubernetes.io/canary-by-header-value"
	canaryCookie = "nginx.ingress.kubernetes.io/canary-by-cookie"
)

// canaryable says why a match can't be written as a canary's annotations: they know one header or one cookie.
func canaryable(r Route, m blueprint.Match) error {
	if len(m.Headers)+len(m.Cookies) != 1 {
		return fmt.Errorf("%s: a canary Ingress chooses by one header or by one cookie\n  leave one of them in match:", r)
	}
	for name, value := range m.Cookies {
		if value != "always" {
			return fmt.Errorf("%s: a canary Ingress chooses by a cookie whose value is always, not %q\n  write cookies: {%s: always}, or choose by a header",
				r, value, name)
		}
	}
	return nil
}

// affine says why people would not stay on their slot: a canary shares the cookie of green's Ingress, when that has one.
func affine(r Route) error {
	original, err := r.object()
	if err != nil {
		return err
	}
	const affinity, behavior = "nginx.ingress.kubernetes.io/affinity", "nginx.ingress.kubernetes.io/affinity-canary-behavior"
	if kind, _ := along(original, steps{"metadata", "annotations", affinity}); kind != any("cookie") {
		return fmt.Errorf("%s: people stay on a slot by the cookie of green's Ingress, and it has none\n  give it the annotation %s: cookie, or take sticky: out of the phase", r, affinity)
	}
	if how, _ := along(original, steps{"metadata", "annotations", behavior}); how == any("legacy") {
		return fmt.Errorf("%s: its annotation %s: legacy lets people change slots\n  take it out, or sticky: out of the phase", r, behavior)
	}
	return nil
}

// canaryNotes are the annotations that a choice gives to blue's object; those without a value it may not have.
func (r Route) canaryNotes() map[string]string {
	if r.Row.Choosing.Match != canaryMatch {
		return nil
	}
	notes := map[string]string{canaryHeader: "", canaryValue: "", canaryCookie: ""}
	if r.Choice.Match == nil {
		return notes
	}
	for name, value := range r.Choice.Match.Headers {
		notes[canaryHeader], notes[canaryValue] = name, value
	}
	for name := range r.Choice.Match.Cookies {
		notes[canaryCookie] = name
	}
	return notes
}

// annotated lists the changes that make blue's object say what the route's choice is.
func (r Route) annotated(object map[string]any) []op {
	var ops []op
	each(r.canaryNotes(), func(key, value string) {
		way := steps{"metadata", "annotations", key}
		now, there := along(object, way)
		switch {
		case value != "" && now != any(value):
			ops = append(ops, op{"add", way, value, fmt.Sprintf("%s: %s", key, value)})
		case value == "" && there:
			ops = append(ops, op{"remove", way, nil, key + ": removed"})
		}
	})
	return ops
}

// describeCanary is what a choice adds to the description of blue's object.
func (r Route) describeCanary() string {
	var words []string
	each(r.canaryNotes(), func(key, value string) {
		if value != "" {
			words = append(words, fmt.Sprintf(" and %s: %s", key, value))
		}
	})
	return strings.Join(words, "")
}
