package traffic

import (
	"fmt"
	"testing"
)

func many(t testing.TB, n int) (*api, []Route) {
	a := newAPI(t)
	var targets []Target
	for i := range n {
		name := fmt.Sprintf("c%02d", i)
		a.put(t, httproute(name, rules(refs(ref(name, "")))))
		targets = append(targets, Target{Namespace: "ns", Component: name, Green: name, Blue: name + "-blue"})
	}
	routes, err := Find(t.Context(), a, Rows(), targets...)
	if err != nil {
		t.Fatal(err)
	}
	return a, routes
}

// BenchmarkShift is the time that goes into working a shift out, with an API server that answers at once.
func BenchmarkShift(b *testing.B) {
	a, routes := many(b, 20)
	m := &Mover{Client: a}
	for i := 0; b.Loop(); i++ {
		if err := m.Shift(b.Context(), routes, 1+i%100); err != nil {
			b.Fatal(err)
		}
	}
}
