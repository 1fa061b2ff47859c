package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"dro.dev/kubectl-dro/pkg/traffic"
)

// state is what of an object must be as it was.
type state struct {
	name        string
	body        map[string]any // everything but metadata and status
	labels      map[string]string
	annotations map[string]string
	owners      map[string]string // which fields each field manager has
}

// snapshot is the state of every object of the row's kind in the namespace, by name.
func (b *bench) snapshot(t *testing.T) map[string]*state {
	t.Helper()
	all := map[string]*state{}
	for _, o := range b.objects(t) {
		all[o.GetName()] = stateOf(o)
	}
	return all
}

func stateOf(o unstructured.Unstructured) *state {
	s := &state{name: o.GetName(), body: maps.Clone(o.Object), labels: o.GetLabels(), annotations: o.GetAnnotations(), owners: map[string]string{}}
	delete(s.body, "metadata")
	delete(s.body, "status")
	for _, e := range o.GetManagedFields() {
		fields := ""
		if e.FieldsV1 != nil {
			fields = fmt.Sprint(e.FieldsV1)
		}
		s.owners[fmt.Sprintf("%s %s %s %s", e.Manager, e.Operation, e.APIVersion, e.Subresource)] = fields
	}
	return s
}

// same checks that everything is exactly as it was.
func (b *bench) same(t *testing.T, before map[string]*state) {
	t.Helper()
	b.sameSpecs(t, before)
	for name, now := range b.snapshot(t) {
		if was := before[name]; was != nil && !maps.Equal(was.owners, now.owners) {
			t.Errorf("the fields of %s belong to others than before:\n%v\n%v", name, was.owners, now.owners)
		}
	}
}

// sameSpecs checks that nothing has changed but, perhaps, who owns which field.
func (b *bench) sameSpecs(t *testing.T, before map[string]*state) {
	t.Helper()
	now := b.snapshot(t)
	if was, is := slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(now)); !slices.Equal(was, is) {
		t.Errorf("there are %v, where there were %v", is, was)
	}
	for name, was := range before {
		if is := now[name]; is != nil {
			was.sameSpec(t, is)
		}
	}
}

func (s *state) sameSpec(t *testing.T, now *state) {
	t.Helper()
	if s == nil {
		t.Errorf("%s was not there before", now.name)
		return
	}
	if was, is := text(t, s.body), text(t, now.body); was != is {
		t.Errorf("%s is not what it was:\n%s\n%s", s.name, was, is)
	}
	if !maps.Equal(s.labels, now.labels) {
		t.Errorf("the labels of %s were %v and are %v", s.name, s.labels, now.labels)
	}
	if !maps.Equal(s.annotations, now.annotations) {
		t.Errorf("the annotations of %s were %v and are %v", s.name, s.annotations, now.annotations)
	}
}

// foreign checks that whatever is not dro's in the routes is as it was: everything but blue's entries and the weights
// beside green's and blue's names.
func (b *bench) foreign(t *testing.T, before map[string]*state) {
	t.Helper()
	for name, now := range b.snapshot(t) {
		was := before[name]
		if was == nil {
			if !strings.Contains(text(t, now.body), "-blue") {
				t.Errorf("%s is new and not blue's: %s", name, text(t, now.body))
			}
			continue
		}
		if b.row.Form.Asked() { // the selector is what is switched
			was, now = was.unselected(), now.unselected()
		}
		if was, is := text(t, without(b.row, was)), text(t, without(b.row, now)); was != is {
			t.Errorf("%s: more has changed than is dro's:\n%s\n%s", name, was, is)
		}
	}
}

// unselected is a state without its selector.
func (s *state) unselected() *state {
	c := *s
	c.body = runtime.DeepCopyJSON(s.body)
	unstructured.RemoveNestedField(c.body, "spec", "selector")
	return &c
}

// without is a state as a value, without what is dro's during a rollout.
func without(row traffic.Row, s *state) any {
	annotations := map[string]any{}
	for k, v := range s.annotations {
		annotations[k] = v
		var inner any
		if json.Unmarshal([]byte(v), &inner) == nil {
			annotations[k] = inner
		}
	}
	if row.Weights != "" {
		delete(annotations, row.Weights) // nothing but weights is there
	}
	labels := map[string]any{}
	for k, v := range s.labels {
		labels[k] = v
	}
	w := shell{row: row}
	if path := strings.Split(row.Weight, "."); row.Weight != "" {
		w.weight = path[len(path)-1]
	}
	return w.strip(map[string]any{"body": runtime.DeepCopyJSONValue(s.body), "labels": labels, "annotations": annotations})
}

// shell strips what is dro's from a value.
type shell struct {
	row    traffic.Row
	weight string // the key of weights
}

func (s shell) strip(v any) any {
	switch v := v.(type) {
	case []any:
		kept := []any{}
		for _, e := range v {
			if mentions(e, "-blue") && !deeper(e) {
				continue
			}
			kept = append(kept, s.strip(e))
		}
		return kept
	case map[string]any:
		v = s.listed(v)
		kept := map[string]any{}
		slots := mentions(v, food.green) || mentions(v, menu.green)
		for k, e := range v {
			if e = s.strip(e); (k != s.weight || !slots || holdsList(v)) && !reflect.DeepEqual(e, []any{}) {
				kept[k] = e
			}
		}
		return kept
	default:
		return v
	}
}

// listed writes a backend that stands on its own as the list of one that it is.
func (s shell) listed(v map[string]any) map[string]any {
	for _, l := range s.row.Lists {
		path, single := strings.Split(l.Path, "."), strings.Split(l.Single, ".")
		alone := single[len(single)-1]
		e, ok := v[alone]
		if _, weighed := v[s.weight]; !ok || l.Single == "" || alone == l.As && (weighed || len(v) == 1) { // it is in the list
			continue
		}
		// spec.routes[*].splits is beside action; …routeAction.multi.destinations has its own map beside routeAction.single
		below := path[len(path)-len(single):]
		if _, there := v[below[0]]; there {
			continue
		}
		var list any = []any{map[string]any{l.As: e}}
		for _, key := range slices.Backward(below[1:]) {
			list = map[string]any{key: list}
		}
		v = maps.Clone(v)
		delete(v, alone)
		v[below[0]] = list
	}
	return v
}

// mentions tells whether a word is anywhere in a value.
func mentions(v any, word string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, word)
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return mentions(e, word) })
	case map[string]any:
		for k, e := range v {
			if strings.Contains(k, word) || mentions(e, word) {
				return true
			}
		}
	}
	return false
}

// deeper tells whether a list within the value has the element that mentions blue.
func deeper(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return false
	}
	for _, e := range m {
		if list, ok := e.([]any); ok && mentions(list, "-blue") || deeper(e) {
			return true
		}
	}
	return false
}

func holdsList(v map[string]any) bool {
	for _, e := range v {
		if _, ok := e.([]any); ok {
			return true
		}
	}
	return false
}

func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, "write it as text", err)
	return string(data)
}
