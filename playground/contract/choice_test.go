package contract

import (
	"slices"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// match leads requests with a header to blue, by itself, beside a share and no more, and takes the rules back.
func match(t *testing.T, b *bench) string {
	by := &blueprint.Match{Headers: map[string]string{"X-Tester": "yes"}}
	if slices.Contains(b.row.Choosing.By, "cookies") && b.row.Name != "ingress-nginx" {
		by.Cookies = map[string]string{"beta": "a.b"}
	}
	if slices.Contains(b.row.Choosing.By, "query") {
		by.Query = map[string]string{"v": "2"}
	}
	if slices.Contains(b.row.Choosing.By, "sourceLabels") {
		by.SourceLabels = map[string]string{"app.kubernetes.io/name": "web"}
	}
	return b.choice(t, traffic.Choice{Match: by}, b.row.Can.Match, "tester")
}

// session names the cookies of the contract's rollout.
const session = "food-1"

// sticky keeps people where they are, and lets them go.
func sticky(t *testing.T, b *bench) string {
	word := "dro-" + session
	switch b.row.Choosing.Sticky {
	case "alb":
		word = "86400" // its cookie has a name of its own
	case "affinity":
		word = "" // the canary has it from green's Ingress, and nothing is written
	}
	return b.choice(t, traffic.Choice{Sticky: true}, b.row.Can.Sticky, word)
}

// mirror copies requests to blue, and ends it.
func mirror(t *testing.T, b *bench) string {
	word := "mirror"
	if b.row.Name == "emissary" {
		word = "shadow"
	}
	return b.choice(t, traffic.Choice{Mirror: 10}, b.row.Can.Mirror, word)
}

// choice goes through phases with and without a choice, and back. word is what the choice leaves in the object, if anything.
func (b *bench) choice(t *testing.T, c traffic.Choice, can bool, word string) string {
	found := b.find(t, food)
	before := b.snapshot(t)
	routes, err := traffic.Choose(found, traffic.Rows(), []traffic.Choice{{}, c})
	if !can {
		if err == nil || !strings.Contains(err.Error(), "routers that can: ") {
			t.Errorf("it can't, and the error is %v", err)
		}
		return "refused, with the names of the routers that can"
	}
	must(t, "choose", err)
	for i := range routes {
		routes[i].Session = session
	}
	with := slices.Clone(routes)
	for i := range with {
		with[i].Choice = c
	}
	says := func(want bool) {
		t.Helper()
		now := ""
		for _, s := range b.snapshot(t) {
			now += text(t, s.body) + text(t, s.annotations)
		}
		if word != "" && strings.Contains(strings.ToLower(now), word) != want {
			t.Errorf("%q is in the object: %t, want %t: %s", word, !want, want, now)
		}
	}
	first := 0
	if c.Sticky {
		first = 1 // of people who stay there have to be some
	}
	lines, err := traffic.Describe(with[0], first)
	if must(t, "plan it", err); !strings.Contains(strings.ToLower(strings.Join(lines, "\n")), "service") && !c.Sticky {
		t.Errorf("the plan does not tell of it: %q", lines)
	}
	b.shift(t, with, first) // only the choice
	b.shared(t, with, first)
	says(true)
	b.shift(t, with, 10) // and a share
	b.shared(t, with, 10)
	says(true)
	b.requests.reset()
	b.shift(t, with, 10)
	if _, writes := b.requests.count(); writes != 0 {
		t.Errorf("the same phase again took %d writes", writes)
	}
	b.shift(t, routes, 50) // no longer
	b.shared(t, routes, 50)
	says(false)
	b.shift(t, with, 100)
	says(!c.Sticky || b.row.Choosing.Sticky != "cookie") // where all are on blue, nobody is led there
	must(t, "restore", b.mover.Restore(t.Context(), routes))
	b.same(t, before)

	b.shift(t, with, 10)
	b.edit(t, "team.example/edit", "meanwhile")
	must(t, "restore after an edit", b.mover.Restore(t.Context(), routes))
	for name, now := range b.snapshot(t) {
		delete(now.annotations, "team.example/edit")
		before[name].sameSpec(t, now)
	}
	return ""
}
