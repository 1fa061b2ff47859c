package slot

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// selector is what someone else selects pods by.
type selector struct {
	owner string // kind/name
	labels.Selector
}

func (s selector) matches(set map[string]string) bool {
	return !s.Empty() && s.Matches(labels.Set(set))
}

// pair is a label that blue must not share with green.
type pair struct{ key, value string }

// preferred are the keys whose value tells one copy from another by custom; any other will do as well.
var preferred = []string{"app.kubernetes.io/instance", "release", "app", "app.kubernetes.io/name", "k8s-app", "name"}

// isolate changes as few labels of blue's pods as it takes for no foreign selector to match them, and what blue's own
// objects select by accordingly.
func isolate(all []object, foreign []selector) error {
	apart := map[pair]bool{}
	for _, o := range all {
		if !isWorkload(o) {
			continue
		}
		t, err := template(o)
		if err != nil {
			return err
		}
		for _, f := range foreign {
			if err := f.setApart(t.Labels, apart); err != nil {
				return fmt.Errorf("%s: %w", id(o), err)
			}
		}
	}
	for _, o := range all {
		relabel(o, apart)
	}
	return nil
}

// setApart adds a pair to apart when the selector still matches a pod with these labels.
func (s selector) setApart(set map[string]string, apart map[pair]bool) error {
	for s.matches(relabeled(set, apart)) {
		key, found := s.key(set, apart)
		if !found {
			return fmt.Errorf("%s selects blue's pods by %q, which no changed label value prevents\n"+
				"  let it select by a label's value", s.owner, s.String())
		}
		apart[pair{key, set[key]}] = true
	}
	return nil
}

// key is the label to change so that the selector no longer matches.
func (s selector) key(set map[string]string, apart map[pair]bool) (string, bool) {
	var keys []string
	requirements, _ := s.Requirements()
	for _, r := range requirements {
		byValue := r.Operator() == selection.In || r.Operator() == selection.Equals || r.Operator() == selection.DoubleEquals
		if byValue && !apart[pair{r.Key(), set[r.Key()]}] {
			keys = append(keys, r.Key())
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	if len(keys) == 0 {
		return "", false
	}
	return keys[0], true
}

func rank(key string) int {
	if i := slices.Index(preferred, key); i >= 0 {
		return i
	}
	return len(preferred)
}

func relabeled(set map[string]string, apart map[pair]bool) map[string]string {
	changed := map[string]string{}
	for key, value := range set {
		if apart[pair{key, value}] {
			value = blueLabel(value)
		}
		changed[key] = value
	}
	return changed
}

func blueLabel(value string) string {
	if value == "" {
		return "blue" // a label's value can't begin with a dash
	}
	return blueName(value, longestName)
}

// relabel changes the labels that are set apart where o gives them to pods or selects pods by them.
func relabel(o object, apart map[pair]bool) {
	if len(apart) == 0 || o.GetKind() == "ServiceMonitor" { // that one selects Services
		return
	}
	each(o.Object, "spec.template.metadata.labels", func(m map[string]any, key string) { relabelMap(m[key], apart) })
	if o.GetKind() == "Service" {
		each(o.Object, "spec.selector", func(m map[string]any, key string) { relabelMap(m[key], apart) })
	}
	relabelSelectors(o.Object, apart)
}

// relabelSelectors goes through all matchLabels and matchExpressions below content.
func relabelSelectors(content any, apart map[pair]bool) {
	switch content := content.(type) {
	case []any:
		for _, item := range content {
			relabelSelectors(item, apart)
		}
	case map[string]any:
		for key, below := range content {
			switch key {
			case "matchLabels":
				relabelMap(below, apart)
			case "matchExpressions":
				relabelExpressions(below, apart)
			default:
				relabelSelectors(below, apart)
			}
		}
	}
}

func relabelMap(content any, apart map[pair]bool) {
	m, _ := content.(map[string]any)
	for key, value := range m {
		if value, ok := value.(string); ok && apart[pair{key, value}] {
			m[key] = blueLabel(value)
		}
	}
}

func relabelExpressions(content any, apart map[pair]bool) {
	each(map[string]any{"all": content}, "all.*.values", func(m map[string]any, _ string) {
		key, _ := m["key"].(string)
		values, _ := m["values"].([]any)
		for i, value := range values {
			if value, ok := value.(string); ok && apart[pair{key, value}] {
				values[i] = blueLabel(value)
			}
		}
	})
}
