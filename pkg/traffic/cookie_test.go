package traffic

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// shifted is an object after a phase, and restored: it must be what it was.
func (r Route) shifted(t *testing.T, object, now map[string]any, percent int) map[string]any {
	t.Helper()
	ops, err := r.layeredShift(object, now, percent)
	if err != nil {
		t.Fatal(err)
	}
	after, err := applied(now, ops)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.layeredShift(object, after, percent); err != nil || len(again) > 0 {
		t.Errorf("%d%% a second time changes %s: %v", percent, text(t, again), err)
	}
	back, err := r.layeredRevert(object, after)
	if err != nil {
		t.Fatal(err)
	}
	if restored, err := applied(after, back); err != nil || text(t, restored) != text(t, object) {
		t.Errorf("%d%% is restored to %s: %v", percent, text(t, restored), err)
	}
	return after
}

// sticking is a route of a rollout with a phase that keeps people on their slot.
func sticking(t *testing.T, row, object string, c Choice) Route {
	t.Helper()
	c.Sticky = true
	return Route{Row: rowNamed(t, row), Namespace: "ns", Name: "r", Component: "svc", Green: "svc", Blue: "svc-blue",
		Original: []byte(object), Session: "food-1", Choices: []Choice{c}, Choice: c}
}

// Who meets a slot gets its cookie and is led by it; with everybody on one slot there is nothing to keep apart.
func TestCookies(t *testing.T) {
	for row, tc := range map[string]struct{ object, want string }{
		"gateway-api": {
			`{"spec":{"rules":[{"backendRefs":[{"name":"other"}]},
				{"name":"n","matches":[{"path":{"value":"/"}}],"backendRefs":[{"name":"svc","filters":[{"type":"URLRewrite"}]}]}]}}`,
			`{"spec":{"rules":[{"backendRefs":[{"name":"other"}]},
				{"matches":[{"path":{"value":"/"},"headers":[{"name":"X-T","type":"Exact","value":"1"}]}],
				 "backendRefs":[{"name":"svc-blue","weight":1,"filters":[{"type":"URLRewrite"}]}]},
				{"name":"n","matches":[{"path":{"value":"/"}}],"backendRefs":[
					{"name":"svc","weight":90,"filters":[{"type":"URLRewrite"},{"type":"ResponseHeaderModifier","responseHeaderModifier":{"add":[
						{"name":"Set-Cookie","value":"dro-food-1=green; Path=/; HttpOnly; SameSite=Lax"}]}}]},
					{"name":"svc-blue","weight":10,"filters":[{"type":"URLRewrite"},{"type":"ResponseHeaderModifier","responseHeaderModifier":{"add":[
						{"name":"Set-Cookie","value":"dro-food-1=blue; Path=/; HttpOnly; SameSite=Lax"}]}}]}]},
				{"matches":[{"path":{"value":"/"},"headers":[{"name":"Cookie","type":"RegularExpression","value":"^(.*; ?)?dro-food-1=green(;.*)?$"}]}],
				 "backendRefs":[{"name":"svc","weight":100,"filters":[{"type":"URLRewrite"}]}]},
				{"matches":[{"path":{"value":"/"},"headers":[{"name":"Cookie","type":"RegularExpression","value":"^(.*; ?)?dro-food-1=blue(;.*)?$"}]}],
				 "backendRefs":[{"name":"svc-blue","weight":100,"filters":[{"type":"URLRewrite"}]}]}]}}`,
		},
		"istio": {
			`{"spec":{"http":[{"route":[{"destination":{"host":"svc"},"headers":{"request":{"set":{"a":"b"}}}}]}],"tcp":[{"route":[{"destination":{"host":"svc"}}]}]}}`,
			`{"spec":{"http":[
				{"match":[{"headers":{"x-t":{"exact":"1"}}}],"route":[{"destination":{"host":"svc-blue"},"headers":{"request":{"set":{"a":"b"}}}}]},
				{"match":[{"headers":{"cookie":{"regex":"^(.*; ?)?dro-food-1=blue(;.*)?$"}}}],"route":[{"destination":{"host":"svc-blue"},"headers":{"request":{"set":{"a":"b"}}}}]},
				{"match":[{"headers":{"cookie":{"regex":"^(.*; ?)?dro-food-1=green(;.*)?$"}}}],"route":[{"destination":{"host":"svc"},"headers":{"request":{"set":{"a":"b"}}}}]},
				{"route":[
					{"destination":{"host":"svc"},"weight":90,"headers":{"request":{"set":{"a":"b"}},"response":{"add":{"set-cookie":"dro-food-1=green; Path=/; HttpOnly; SameSite=Lax"}}}},
					{"destination":{"host":"svc-blue"},"weight":10,"headers":{"request":{"set":{"a":"b"}},"response":{"add":{"set-cookie":"dro-food-1=blue; Path=/; HttpOnly; SameSite=Lax"}}}}]}],
			 "tcp":[{"route":[{"destination":{"host":"svc"},"weight":90},{"destination":{"host":"svc-blue"},"weight":10}]}]}}`,
		},
	} {
		t.Run(row, func(t *testing.T) {
			r := sticking(t, row, tc.object, Choice{Match: &blueprint.Match{Headers: map[string]string{"X-T": "1"}}})
			object := parse(t, tc.object)
			at10 := r.shifted(t, object, object, 10)
			if want := parse(t, tc.want); !equal(at10, want) {
				t.Errorf("got  %s\nwant %s", text(t, at10), text(t, want))
			}
			clean, _, err := r.bare(at10)
			if got, _ := r.share(clean).Percent(); err != nil || got != 10 {
				t.Errorf("its share is %d%%: %v", got, err)
			}
			r.Choice.Match = nil
			at100 := r.shifted(t, object, r.shifted(t, object, at10, 50), 100)
			if strings.Contains(text(t, at100), "dro-food-1") {
				t.Errorf("somebody may be kept on green: %s", text(t, at100))
			}
		})
	}
}

// Who stays on a slot goes on meeting what stands beside it, as often as before.
func TestCookiesBesideOthers(t *testing.T) {
	const object = `{"spec":{"rules":[{"backendRefs":[{"name":"svc","weight":100},{"name":"x","weight":300}]}]}}`
	r := sticking(t, "gateway-api", object, Choice{})
	now := r.shifted(t, parse(t, object), parse(t, object), 10)
	for i, want := range []string{`[{"name":"svc","weight":100},{"name":"x","weight":300}]`, `[{"name":"svc-blue","weight":100},{"name":"x","weight":300}]`} {
		got, _ := along(now, steps{"spec", "rules", strconv.Itoa(i + 1), "backendRefs"})
		if !equal(got, parse(t, `{"v":`+want+`}`)["v"]) {
			t.Errorf("rule %d leads to %s, want %s", i, text(t, map[string]any{"v": got}), want)
		}
	}
	r.shifted(t, parse(t, object), now, 50)
}

// Whatever somebody writes into dro's rules or beside its cookies meanwhile, nothing of dro's is left, and what is theirs
// stays, unless it stands in a rule that goes.
func TestCookiesAfterEdits(t *testing.T) {
	const gateway = `{"spec":{"rules":[{"backendRefs":[{"name":"svc","weight":100},{"name":"o","weight":100,"filters":[{"type":"URLRewrite"}]}]}]}}`
	const headed = `{"spec":{"rules":[{"backendRefs":[{"name":"svc","filters":[{"type":"ResponseHeaderModifier","responseHeaderModifier":{"set":[{"name":"X-A","value":"b"}]}}]}]}]}}`
	const istio = `{"spec":{"http":[{"route":[{"destination":{"host":"svc"},"weight":50},{"destination":{"host":"o"},"weight":50,"headers":{"response":{"add":{"x-a":"b"}}}}]}]}}`
	timeout := func(rule steps) func(map[string]any) {
		return func(object map[string]any) {
			in, _ := along(object, rule)
			in.(map[string]any)["timeout"] = "3s"
		}
	}
	for name, tc := range map[string]struct {
		row, object string
		edit        func(map[string]any)
		want        string
	}{
		"nothing":                         {"gateway-api", gateway, func(map[string]any) {}, gateway},
		"nothing, Istio":                  {"istio", istio, func(map[string]any) {}, istio},
		"nothing, a filter that is there": {"gateway-api", headed, func(map[string]any) {}, headed},
		"a rule before": {"gateway-api", gateway, func(object map[string]any) {
			put(object, steps{"spec", "rules"}, append([]any{map[string]any{"backendRefs": []any{map[string]any{"name": "x"}}}}, (Route{}).rules(object)...))
		}, strings.Replace(gateway, `"rules":[`, `"rules":[{"backendRefs":[{"name":"x"}]},`, 1)},
		"a time-out in a split":         {"gateway-api", gateway, timeout(steps{"spec", "rules", "0"}), strings.Replace(gateway, `"rules":[{`, `"rules":[{"timeout":"3s",`, 1)},
		"a time-out in a cookie's rule": {"gateway-api", gateway, timeout(steps{"spec", "rules", "1"}), gateway},
		"a time-out in one of Istio's":  {"istio", istio, timeout(steps{"spec", "http", "0"}), istio},
		"a time-out in Istio's split":   {"istio", istio, timeout(steps{"spec", "http", "2"}), strings.Replace(istio, `"http":[{`, `"http":[{"timeout":"3s",`, 1)},
		"a header beside green's cookie": {"gateway-api", gateway, func(object map[string]any) {
			filter, _ := along(object, steps{"spec", "rules", "0", "backendRefs", "0", "filters", "0", "responseHeaderModifier"})
			filter.(map[string]any)["set"] = []any{map[string]any{"name": "X-A", "value": "b"}}
		}, strings.Replace(gateway, `"weight":100}`, `"weight":100,"filters":[{"type":"ResponseHeaderModifier","responseHeaderModifier":{"set":[{"name":"X-A","value":"b"}]}}]}`, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			r, original := sticking(t, tc.row, tc.object, Choice{}), parse(t, tc.object)
			now := r.shifted(t, original, original, 10)
			if d := r.drift(original, now, 10); d != nil {
				t.Errorf("it is said to have drifted: %s", d)
			}
			for range 2 { // an edit, and another after dro has written once more
				now = parse(t, text(t, now))
				tc.edit(now)
				ops, err := r.layeredShift(original, now, 20)
				if err != nil {
					t.Fatal(err)
				}
				if now, err = applied(now, ops); err != nil {
					t.Fatal(err)
				}
				if name == "a rule before" {
					break
				}
			}
			ops, err := r.layeredRevert(original, now)
			if err != nil {
				t.Fatal(err)
			}
			if now, err = applied(now, ops); err != nil || text(t, now) != text(t, parse(t, tc.want)) {
				t.Errorf("restored to %s (%v)\nwant %s", text(t, now), err, text(t, parse(t, tc.want)))
			}
		})
	}
}

// Of a change during a sticky phase, what somebody changed is told, and not all that dro writes anew.
func TestDriftBesideCookies(t *testing.T) {
	const object = `{"spec":{"rules":[{"backendRefs":[{"name":"svc"}]}]}}`
	r, original := sticking(t, "gateway-api", object, Choice{}), parse(t, object)
	for name, tc := range map[string]struct {
		way   steps
		value any
		want  []string
	}{
		"a weight":       {steps{"spec", "rules", "0", "backendRefs", "0"}, int64(7), []string{"spec.rules[0].backendRefs[0].weight: 90 → 7"}},
		"a cookie's own": {steps{"spec", "rules", "1", "backendRefs", "0"}, int64(7), []string{"its rules for chosen requests, people or copies"}},
	} {
		now := r.shifted(t, original, original, 10)
		backend, _ := along(now, tc.way)
		backend.(map[string]any)["weight"] = tc.value
		if d := r.drift(original, now, 10); d == nil || !slices.Equal(d.Changes, tc.want) {
			t.Errorf("%s: got %v, want %v", name, d, tc.want)
		}
	}
}

// The components of one rollout have one cookie, and other rollouts have others.
func TestCookieName(t *testing.T) {
	a, b := Route{Component: "svc", Session: "food-1"}, Route{Component: "mfe", Session: "food-1"}
	if a.cookieName() != b.cookieName() || a.cookieName() == (Route{Component: "svc", Session: "food-2"}).cookieName() {
		t.Errorf("%s, %s", a.cookieName(), b.cookieName())
	}
}

// Two components may stand in one object.
func TestCookiesOfTwoComponents(t *testing.T) {
	const object = `{"spec":{"rules":[{"matches":[{"path":{"value":"/"}}],"backendRefs":[{"name":"mfe","weight":1}]},
		{"matches":[{"path":{"value":"/api"}}],"backendRefs":[{"name":"svc","weight":1}]}]}}`
	svc := sticking(t, "gateway-api", object, Choice{})
	mfe := svc
	mfe.Component, mfe.Green, mfe.Blue = "mfe", "mfe", "mfe-blue"
	now := parse(t, object)
	for _, r := range []Route{svc, mfe} {
		ops, err := r.layeredShift(parse(t, object), now, 50)
		if err != nil {
			t.Fatal(err)
		}
		if now, err = applied(now, ops); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(svc.rules(now)); n != 6 {
		t.Errorf("%d rules, want 6: %s", n, text(t, now))
	}
	for _, r := range []Route{svc, mfe} {
		ops, err := r.layeredRevert(parse(t, object), now)
		if err != nil {
			t.Fatal(err)
		}
		if now, err = applied(now, ops); err != nil {
			t.Fatal(err)
		}
	}
	if text(t, now) != text(t, parse(t, object)) {
		t.Errorf("restored to %s", text(t, now))
	}
}

func TestWhereCookiesCannotLead(t *testing.T) {
	many := `{"spec":{"rules":[` + strings.Repeat(`{"backendRefs":[{"name":"x"}]},`, 14) + `{"backendRefs":[{"name":"svc"}]}]}}`
	for name, tc := range map[string]struct{ row, object, says string }{
		"a cookie of green's":    {"gateway-api", `{"spec":{"rules":[{"backendRefs":[{"name":"svc","filters":[{"type":"ResponseHeaderModifier","responseHeaderModifier":{"add":[{"name":"set-cookie","value":"a=b"}]}}]}]}]}}`, "add sets a cookie already"},
		"a cookie of Istio's":    {"istio", `{"spec":{"http":[{"route":[{"destination":{"host":"svc"},"headers":{"response":{"add":{"set-cookie":"a=b"}}}}]}]}}`, "set-cookie sets a cookie already"},
		"a rule with a query":    {"gateway-api", `{"spec":{"rules":[{"matches":[{"queryParams":[{"name":"v","value":"2"}]}],"backendRefs":[{"name":"x"}]},{"backendRefs":[{"name":"svc"}]}]}}`, "rule 0 is for requests with a query"},
		"a condition on cookies": {"istio", `{"spec":{"http":[{"match":[{"headers":{"cookie":{"exact":"a=b"}}}],"route":[{"destination":{"host":"svc"}}]}]}}`, "compares headers cookie once only"},
		"connections":            {"istio", `{"spec":{"tcp":[{"route":[{"destination":{"host":"svc"}}]}]}}`, "one for requests, which have cookies"},
		"too many rules":         {"gateway-api", many, "may have 16 rules, and has 15"},
	} {
		t.Run(name, func(t *testing.T) {
			r, object := sticking(t, tc.row, tc.object, Choice{}), parse(t, tc.object)
			if _, err := r.layeredShift(object, object, 10); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the error lacks %q: %v", tc.says, err)
			}
		})
	}
}
