package traffic

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// An Ingress of the AWS Load Balancer Controller leads paths to actions, and to each belong conditions, by its name. Both are
// JSON in annotations.
const (
	actionNote    = "alb.ingress.kubernetes.io/actions."
	conditionNote = "alb.ingress.kubernetes.io/conditions."

	roomInRule = 2 // of five values, host and path take up to three
)

// chosenAction is the action for chosen requests that belongs to one with green.
func (r Route) chosenAction(name string) string { return "dro-" + r.Component + "-" + name }

// actionMatched lists the changes that lead chosen requests to an action of blue's, by a path before each of green's.
func (r Route) actionMatched(object map[string]any) ([]op, error) {
	var notes, paths []op
	e := r.edit(object, object)
	for _, p := range r.pools(e.now) {
		greens := p.of(green)
		if len(greens) == 0 {
			continue
		}
		name := strings.TrimPrefix(p.list[2], actionNote)
		chosen := r.chosenAction(name)
		says := fmt.Sprintf("%s%s: new, chosen requests (%s) to service %s", actionNote, chosen, told(*r.Choice.Match), r.Blue)
		backend := e.blueOf(p.entries[greens[0]].value)
		drop(backend, steps{r.Row.Weight})
		action, err := json.Marshal(map[string]any{"type": "forward", "forwardConfig": map[string]any{"targetGroups": []any{backend}}})
		if err != nil {
			return nil, err
		}
		when, err := r.actionConditions(object, name)
		if err != nil {
			return nil, err
		}
		if err := r.actionFits(object, name); err != nil {
			return nil, err
		}
		ways := pathsTo(object, name)
		for _, way := range ways {
			path, _ := along(object, way)
			path = copied(path)
			put(path, steps{"backend", "service", "name"}, chosen)
			paths = append(paths, op{"add", way, path, fmt.Sprintf("%s: new, to action %s", way, chosen)})
		}
		if len(ways) > 0 {
			notes = append(notes, op{"add", annotation(actionNote, chosen), string(action), says},
				op{"add", annotation(conditionNote, chosen), when, fmt.Sprintf("%s%s: new", conditionNote, chosen)})
		}
	}
	slices.SortStableFunc(paths, func(a, b op) int { return backwards(a.way, b.way) })
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no path leads to an action with service %s\n  take match: out of the phase, or name the router that does: router: kind/name", r, r.Green)
	}
	return append(notes, paths...), nil
}

// actionUnmatched lists the changes that take the actions for chosen requests out again.
func (r Route) actionUnmatched(object map[string]any) []op {
	original, err := r.object()
	if err != nil {
		original = nil
	}
	names := map[string]bool{} // somebody may have taken out green's action meanwhile
	for _, o := range []map[string]any{original, object} {
		notes, _ := at(o, "metadata.annotations")
		known, _ := notes.(map[string]any)
		for key := range known {
			if name, is := strings.CutPrefix(key, actionNote); is {
				names[name] = true
			}
		}
	}
	var ops []op
	var gone []steps
	for _, name := range slices.Sorted(maps.Keys(names)) {
		chosen := r.chosenAction(name)
		for _, way := range []steps{annotation(actionNote, chosen), annotation(conditionNote, chosen)} {
			if _, there := along(object, way); there {
				ops = append(ops, op{"remove", way, nil, way.String() + ": removed"})
			}
		}
		gone = append(gone, pathsTo(object, chosen)...)
	}
	slices.SortFunc(gone, backwards)
	for _, way := range gone {
		ops = append(ops, op{"remove", way, nil, fmt.Sprintf("%s: removed", way)})
	}
	return ops
}

// actionFits says why an action for chosen requests can't be, if so.
func (r Route) actionFits(object map[string]any, action string) error {
	m := r.Choice.Match
	var why string
	switch def, _ := at(object, "spec.defaultBackend.service.name"); {
	case def == any(action):
		why = "its default backend leads to action " + action + ", and can't be for some requests only\n  give it a path"
	case len(m.Headers)+len(m.Query) > roomInRule:
		why = fmt.Sprintf("a rule of the load balancer has room for %d conditions beside host and path\n  choose by fewer", roomInRule)
	case len(validation.IsQualifiedName(conditionNote+r.chosenAction(action))) > 0:
		why = "the annotation's name " + conditionNote + r.chosenAction(action) + " would be too long\n  give the action a shorter name"
	}
	each(m.Headers, func(name, _ string) {
		if strings.EqualFold(name, "host") || len(name) > 40 {
			why = "the load balancer can't choose by header " + name + "\n  choose by another"
		}
	})
	if why != "" {
		return fmt.Errorf("%s: %s", r, why)
	}
	return nil
}

func annotation(prefix, name string) steps { return steps{"metadata", "annotations", prefix + name} }

// pathsTo are the ways to the paths of an Ingress that lead to an action.
func pathsTo(object map[string]any, action string) []steps {
	var ways []steps
	for _, place := range within(object, "spec.rules[*].http.paths[*].backend") {
		path, _ := along(object, place.rule)
		name, _ := at(path, "backend.service.name")
		port, _ := at(path, "backend.service.port.name")
		if name == any(action) && port == any("use-annotation") {
			ways = append(ways, place.rule)
		}
	}
	return ways
}

// actionConditions are those of an action with a match's beside them.
func (r Route) actionConditions(object map[string]any, action string) (string, error) {
	all := []any{}
	if text, there := along(object, annotation(conditionNote, action)); there {
		now, _ := text.(string)
		if err := utiljson.Unmarshal([]byte(now), &all); err != nil {
			return "", fmt.Errorf("%s: read annotation %s%s: %w", r, conditionNote, action, err)
		}
	}
	text, err := json.Marshal(append(all, albConditions(*r.Choice.Match)...))
	return string(text), err
}

func albConditions(m blueprint.Match) []any {
	var all []any
	literal := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace
	each(m.Headers, func(name, value string) {
		all = append(all, map[string]any{"field": "http-header", "httpHeaderConfig": map[string]any{"httpHeaderName": name, "values": []any{literal(value)}}})
	})
	each(m.Query, func(name, value string) {
		all = append(all, map[string]any{"field": "query-string",
			"queryStringConfig": map[string]any{"values": []any{map[string]any{"key": literal(name), "value": literal(value)}}}})
	})
	return all
}
