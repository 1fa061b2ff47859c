package traffic

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// view is the object as the row reads it: annotations that hold JSON are part of it.
func (r Row) view(object map[string]any) map[string]any {
	if r.Decode == "" {
		return object
	}
	view := maps.Clone(object)
	metadata, _ := object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	read := map[string]any{}
	for key, value := range annotations {
		read[key] = value
		text, isText := value.(string)
		var decoded map[string]any
		if strings.HasPrefix(key, r.Decode) && isText && utiljson.Unmarshal([]byte(text), &decoded) == nil && decoded != nil {
			read[key] = decoded
		}
	}
	if _, there := read[r.Weights]; r.Weights != "" && !there {
		read[r.Weights] = map[string]any{}
	}
	metadata = maps.Clone(metadata)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["annotations"] = read
	if view == nil {
		view = map[string]any{}
	}
	view["metadata"] = metadata
	return view
}

// done is all changes, those within annotations as changes of the annotation's text, which is what the cluster has.
func (e *edit) done() ([]op, error) {
	if e.route.Row.Decode == "" {
		return e.ops, nil
	}
	var ops []op
	inside := map[string][]op{}
	for _, o := range e.ops {
		if len(o.way) > 3 && o.way[0] == "metadata" && o.way[1] == "annotations" {
			inside[o.way[2]] = append(inside[o.way[2]], op{o.op, o.way[3:], o.value, o.says})
			continue
		}
		ops = append(ops, o)
	}
	for _, key := range slices.Sorted(maps.Keys(inside)) {
		o, err := e.annotate(key, inside[key])
		if err != nil {
			return nil, fmt.Errorf("%s: annotation %s: %w", e.route, key, err)
		}
		ops = append(ops, o...)
	}
	return ops, nil
}

// annotate makes the changes to the JSON in one annotation.
func (e *edit) annotate(key string, changes []op) ([]op, error) {
	view, _ := along(e.now, steps{"metadata", "annotations", key})
	if _, readable := view.(map[string]any); !readable { // someone broke it: what it was at the launch counts
		view, _ = along(e.was, steps{"metadata", "annotations", key})
		if _, readable := view.(map[string]any); !readable {
			view = map[string]any{}
		}
	}
	doc, err := json.Marshal(view)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(changes)
	if err != nil {
		return nil, err
	}
	decoded, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, err
	}
	if doc, err = decoded.Apply(doc); err != nil {
		return nil, err
	}
	var says []string
	for _, c := range changes {
		says = append(says, c.says)
	}
	o := op{"add", steps{"metadata", "annotations", key}, string(doc), strings.Join(says, "\n")}
	now, has := along(e.object, o.way)
	was, had := along(e.original, o.way)
	switch {
	case had && sameJSON(was, string(doc)): // to the letter what it was
		o.value = was
	case !had && string(doc) == "{}":
		if !has {
			return nil, nil
		}
		o.op, o.value = "remove", nil
		return []op{o}, nil
	}
	if has && equal(now, o.value) {
		return nil, nil
	}
	if i, ok := missing(e.object, o.way); ok && i == 2 {
		o.way, o.value = o.way[:2], map[string]any{key: o.value}
	}
	return []op{o}, nil
}

func sameJSON(a any, b string) bool {
	text, ok := a.(string)
	var x, y any
	return ok && utiljson.Unmarshal([]byte(text), &x) == nil && utiljson.Unmarshal([]byte(b), &y) == nil && equal(x, y)
}
