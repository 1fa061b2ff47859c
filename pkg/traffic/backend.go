package traffic

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// service is what a backend names, and where in the backend.
func (r Row) service(backend any) (name string, path []string) {
	for _, p := range r.Service {
		if v, ok := at(backend, p); ok {
			if name, ok := v.(string); ok {
				return name, strings.Split(p, ".")
			}
		}
	}
	return "", nil
}

// names tells which slot's Service a backend of this object names.
func (r Route) names(view map[string]any) func(backend any) slot {
	if r.Row.Via == nil {
		return func(backend any) slot { return r.slotOf(backend, r.Row.Service) }
	}
	by := map[string]slot{}
	listed, _ := at(view, r.Row.Via.List)
	entries, _ := listed.([]any)
	for _, e := range entries {
		if name, ok := at(e, r.Row.Via.Name); ok {
			if name, ok := name.(string); ok {
				by[name] = r.slotOf(e, []string{r.Row.Via.Service})
			}
		}
	}
	return func(backend any) slot {
		name, _ := r.Row.service(backend)
		return by[name]
	}
}

func (r Route) slotOf(backend any, paths []string) slot {
	row := r.Row
	row.Service = paths
	name, path := row.service(backend)
	if path == nil {
		return neither
	}
	local := r.Namespace == r.slotsNamespace() // unless it says so, a name is of the route's namespace
	for _, is := range r.Row.Is {
		v, ok := at(backend, is.Path)
		switch {
		case !ok && is.Must, ok && !is.holds(v, r.slotsNamespace()):
			return neither
		case ok && slices.Contains(is.Values, "."):
			local = true
		}
	}
	for _, s := range []struct {
		slot    slot
		service string
	}{{green, r.Green}, {blue, r.Blue}} {
		if s.service != "" && r.named(name, s.service, local) {
			return s.slot
		}
	}
	return neither
}

// aside tells whether an entry in a list of backends is none.
func (r Row) aside(entry any) bool {
	return slices.ContainsFunc(r.Aside, func(is Is) bool {
		v, ok := at(entry, is.Path)
		return ok && is.holds(v, "")
	})
}

func (is Is) holds(v any, namespace string) bool {
	for _, want := range is.Values {
		if want == "." {
			want = namespace
		}
		if fmt.Sprint(v) == want {
			return true
		}
	}
	return false
}

// named tells whether a name is a Service's in one of the row's ways of naming.
func (r Route) named(name, service string, local bool) bool {
	for _, pattern := range r.Row.patterns() {
		if (local || strings.Contains(pattern, "{namespace}")) && r.matches(pattern, service, name) {
			return true
		}
	}
	return false
}

// renamed is a name of one Service as that of another: food.ns.svc:80 becomes food-blue.ns.svc:80.
func (r Route) renamed(name, from, to string) string {
	for _, pattern := range r.Row.patterns() {
		if r.matches(pattern, from, name) {
			before, _, _ := strings.Cut(pattern, "{name}")
			prefix := len(r.filled(before, from))
			return name[:prefix] + to + name[prefix+len(from):]
		}
	}
	return to
}

func (r Row) patterns() []string {
	if len(r.Names) == 0 {
		return []string{"{name}"}
	}
	return r.Names
}

func (r Route) filled(pattern, service string) string {
	return strings.NewReplacer("{name}", service, "{namespace}", r.slotsNamespace()).Replace(pattern)
}

func (r Route) matches(pattern, service, name string) bool {
	quoted := regexp.QuoteMeta(pattern)
	for placeholder, expr := range map[string]string{
		"{name}": regexp.QuoteMeta(service), "{namespace}": regexp.QuoteMeta(r.slotsNamespace()),
		"{domain}": `[a-z0-9][a-z0-9.-]*`, "{port}": `[0-9]+`,
	} {
		quoted = strings.ReplaceAll(quoted, regexp.QuoteMeta(placeholder), expr)
	}
	is, err := regexp.MatchString("^"+quoted+"$", name)
	return err == nil && is
}
