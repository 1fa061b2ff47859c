package traffic

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// customWait is how long a router that reports nothing is given when the blueprint does not say.
const customWait = 5

// Custom is the row that a user brings.
func Custom(b *blueprint.Router) Row {
	group, version, grouped := strings.Cut(b.APIVersion, "/")
	if !grouped {
		group, version = "", b.APIVersion
	}
	row := Row{
		Title: b.Kind, Kind: b.Kind, Group: group, Version: version, Resource: b.Resource, Custom: true,
		Lists: []List{{Path: b.Backends}}, Service: []string{b.Service}, Port: b.Port, Weight: b.Weight,
		Absent: int64(b.Absent), Lone: b.Absent == 0, Total: int64(b.Total),
		Can: Can{Weights: true}, Observed: Observed{Generation: b.Generation},
	}
	if row.Resource == "" {
		row.Resource = strings.ToLower(b.Kind) + "s"
	}
	row.Name = row.Resource + "." + row.Group
	if b.Namespace != "" {
		row.Is = []Is{{Path: b.Namespace, Values: []string{"."}}}
	}
	if b.Generation == "" {
		row.Observed.Seconds = customWait
		if b.Wait != nil {
			row.Observed.Seconds = int64(b.Wait.Seconds())
		}
	}
	return row
}

// fits says which of a custom row's paths an object of its kind does not have.
func (r Row) fits(object map[string]any) error {
	var backends []any
	for _, l := range r.Lists {
		for _, place := range within(object, l.Path) {
			listed, _ := along(object, place.steps())
			some, _ := listed.([]any)
			backends = append(backends, some...)
		}
		if len(backends) == 0 {
			return fmt.Errorf("backends: %s leads to no list: %s", l.Path, lost(object, l.Path))
		}
	}
	for _, b := range backends {
		if name, _ := r.service(b); name == "" {
			return fmt.Errorf("service: a backend has no text at %s: %s", r.Service[0], lost(b, r.Service[0]))
		}
		if v, has := at(b, r.Weight); has && !isNumber(v) {
			return fmt.Errorf("weight: %s is %v in a backend, which is no whole number", r.Weight, v)
		}
	}
	return nil
}

// lost says where a path ends in a value, and which keys there are instead.
func lost(v any, path string) string {
	at := "it"
	for key := range strings.SplitSeq(path, ".") {
		bare, each := strings.CutSuffix(key, "[*]")
		m, ok := v.(map[string]any)
		if !ok {
			return at + " is not a mapping"
		}
		if v, ok = m[bare]; !ok {
			keys := slices.Sorted(maps.Keys(m))
			return fmt.Sprintf("%s has no %s, but %s", at, bare, strings.Join(keys, ", "))
		}
		at = bare
		if elements, isList := v.([]any); each && isList && len(elements) > 0 {
			v = elements[0]
		} else if each {
			return at + " is not a list with elements"
		}
	}
	return at + " is not what it should be"
}
