package traffic

import (
	"fmt"
	"slices"
	"strconv"
)

// The ways in which a rule is told to copy requests.
const (
	gatewayMirror = "gateway" // a filter beside the backends
	kumaMirror    = "kuma"    // the same, with another word for the share
	istioMirror   = "istio"   // mirror and mirrorPercentage
	mappingMirror = "mapping" // another object of blue's
	contourMirror = "contour" // an entry among the backends that is none
)

// copied is where a mirror's share stands in its filter.
func (r Route) copied() string {
	if r.Row.Choosing.Mirror == kumaMirror {
		return "percentage"
	}
	return "percent"
}

// beside is the way to something that stands beside a pool's backends.
func (p pool) beside(key string) steps { return p.list[:len(p.list)-1].to(key) }

// taken refuses a rule that copies its requests already, where there can be one copy only.
func (r Route) taken(p pool) error {
	return fmt.Errorf("%s: %s copies its requests to another service already\n  take its mirror out, or mirror: out of the phase", r, p.name())
}

// mirrored lists the changes that make the rules with green copy requests to blue.
func (r Route) mirrored(object map[string]any) ([]op, error) {
	var ops []op
	view := r.Row.view(object)
	for _, p := range r.pools(view) {
		greens := p.of(green)
		if len(greens) == 0 || !r.conditional(p) {
			continue
		}
		backend := r.edit(object, object).blueOf(p.entries[greens[0]].value)
		says := fmt.Sprintf("%s: copies of %d%% of the requests to service %s", p.rule, r.Choice.Mirror, r.Blue)
		switch r.Row.Choosing.Mirror {
		case gatewayMirror, kumaMirror:
			ref := map[string]any{}
			for _, key := range []string{"group", "kind", "name", "namespace", "port"} {
				if v, ok := at(backend, key); ok {
					ref[key] = v
				}
			}
			filter := map[string]any{"type": "RequestMirror", "requestMirror": map[string]any{"backendRef": ref, r.copied(): int64(r.Choice.Mirror)}}
			if _, there := along(view, p.beside("filters")); there {
				ops = append(ops, op{"add", p.beside("filters").to("-"), filter, says})
			} else {
				ops = append(ops, op{"add", p.beside("filters"), []any{filter}, says})
			}
		case istioMirror:
			if _, there := along(view, p.rule.to("mirror")); there {
				return nil, r.taken(p)
			}
			to, _ := at(backend, "destination")
			ops = append(ops, op{"add", p.rule.to("mirror"), to, says},
				op{"add", p.rule.to("mirrorPercentage"), map[string]any{"value": int64(r.Choice.Mirror)}, says})
		case contourMirror:
			if len(r.mirrors(view, p)) > 0 {
				return nil, r.taken(p)
			}
			put(backend, steps{"mirror"}, true)
			put(backend, steps{"weight"}, int64(r.Choice.Mirror))
			ops = append(ops, op{"add", p.list.to("-"), backend, says})
		}
	}
	return ops, nil
}

// unmirrored lists the changes that end the copying to blue.
func (r Route) unmirrored(_, object map[string]any) []op {
	var ops []op
	view := r.Row.view(object)
	for _, p := range r.pools(view) {
		says := fmt.Sprintf("%s: no more copies to service %s", p.rule, r.Blue)
		switch r.Row.Choosing.Mirror {
		case gatewayMirror, kumaMirror:
			listed, _ := along(view, p.beside("filters"))
			filters, _ := listed.([]any)
			var gone []op
			for i, f := range slices.Backward(filters) {
				if ref, ok := at(f, "requestMirror.backendRef"); ok && r.slotOf(ref, r.Row.Service) == blue {
					gone = append(gone, op{"remove", p.beside("filters").to(strconv.Itoa(i)), nil, says})
				}
			}
			if len(gone) > 0 && len(gone) == len(filters) {
				gone = []op{{"remove", p.beside("filters"), nil, says}}
			}
			ops = append(ops, gone...)
		case contourMirror:
			for _, i := range slices.Backward(r.mirrors(view, p)) {
				way := p.list.to(strconv.Itoa(i))
				if entry, _ := along(view, way); r.slotOf(entry, r.Row.Service) == blue {
					ops = append(ops, op{"remove", way, nil, says})
				}
			}
		case istioMirror:
			to, ok := along(view, p.rule.to("mirror"))
			if !ok || r.slotOf(map[string]any{"destination": to}, r.Row.Service) != blue {
				continue
			}
			for _, key := range []string{"mirror", "mirrorPercentage"} {
				if _, there := along(view, p.rule.to(key)); there {
					ops = append(ops, op{"remove", p.rule.to(key), nil, says})
				}
			}
		}
	}
	return ops
}

// mirrors are the positions of what is listed among a pool's backends and is a mirror.
func (r Route) mirrors(view map[string]any, p pool) []int {
	listed, _ := along(view, p.list)
	entries, _ := listed.([]any)
	var at []int
	for i, e := range entries {
		if r.Row.aside(e) {
			at = append(at, i)
		}
	}
	return at
}
