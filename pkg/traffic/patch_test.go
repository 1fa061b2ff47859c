package traffic

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// parse reads an object as the dynamic client would.
func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := utiljson.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func text(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// apply does to an object what the API server would.
func apply(t testing.TB, object map[string]any, ops []op) map[string]any {
	t.Helper()
	data, err := patch(ops, "1")
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonpatch.DecodePatch(data)
	if err != nil {
		t.Fatal(err)
	}
	out, err := decoded[1:].Apply([]byte(text(t, object))) // the first is the test of the resourceVersion
	if err != nil {
		t.Fatalf("%s does not fit %s: %v", data, text(t, object), err)
	}
	return parse(t, string(out))
}

func routeOf(object string) Route {
	return Route{Row: Rows()[0], Namespace: "ns", Name: "food", Component: "food", Green: "green", Blue: "blue", Original: json.RawMessage(object)}
}

// rules is an HTTPRoute's spec with these rules.
func rules(rules ...string) string { return `{"spec":{"rules":[` + strings.Join(rules, ",") + `]}}` }

// refs is a rule with these backends.
func refs(refs ...string) string { return `{"backendRefs":[` + strings.Join(refs, ",") + `]}` }

func ref(name string, more string) string { return fmt.Sprintf(`{"name":%q%s}`, name, more) }

func TestShift(t *testing.T) {
	for name, tc := range map[string]struct {
		original string
		now      string // default: original
		percent  int
		want     string // of the object, or a part of the error
	}{
		"alone": {
			original: rules(refs(ref("green", `,"port":80`))), percent: 1,
			want: rules(refs(ref("green", `,"port":80,"weight":99`), ref("blue", `,"port":80,"weight":1`))),
		},
		"nothing left for green": {
			original: rules(refs(ref("green", ""))), percent: 100,
			want: rules(refs(ref("green", `,"weight":0`), ref("blue", `,"weight":100`))),
		},
		"the missing weight is what it would be": {
			original: rules(refs(ref("green", ""))), percent: 99,
			want: rules(refs(ref("green", ""), ref("blue", `,"weight":99`))),
		},
		"filters go along": {
			original: rules(refs(ref("green", `,"filters":[{"type":"X"}],"weight":7`))), percent: 50,
			want: rules(refs(ref("green", `,"filters":[{"type":"X"}],"weight":50`), ref("blue", `,"filters":[{"type":"X"}],"weight":50`))),
		},
		"only the rules that name green": {
			original: rules(refs(ref("other", "")), `{"matches":[1]}`, refs(ref("green", ""), ref("off", `,"weight":0`))), percent: 10,
			want: rules(refs(ref("other", "")), `{"matches":[1]}`, refs(ref("green", `,"weight":90`), ref("blue", `,"weight":10`), ref("off", `,"weight":0`))),
		},
		"a next phase changes two numbers": {
			original: rules(refs(ref("green", ""))), now: rules(refs(ref("green", `,"weight":99`), ref("blue", `,"weight":1`))), percent: 50,
			want: rules(refs(ref("green", `,"weight":50`), ref("blue", `,"weight":50`))),
		},
		"back to nothing keeps blue listed": {
			original: rules(refs(ref("green", ""))), now: rules(refs(ref("green", `,"weight":0`), ref("blue", `,"weight":100`))), percent: 0,
			want: rules(refs(ref("green", `,"weight":100`), ref("blue", `,"weight":0`))),
		},
		"nothing to take back": {original: rules(refs(ref("green", ""))), percent: 0, want: rules(refs(ref("green", "")))},
		"beside another backend green's own weight is split": {
			original: rules(refs(ref("green", `,"weight":300`), ref("other", `,"weight":5`))), percent: 1,
			want: rules(refs(ref("green", `,"weight":297`), ref("blue", `,"weight":3`), ref("other", `,"weight":5`))),
		},
		"and again from the original's": {
			original: rules(refs(ref("green", `,"weight":10`), ref("other", ""))),
			now:      rules(refs(ref("green", `,"weight":0`), ref("blue", `,"weight":10`), ref("other", ""))), percent: 50,
			want: rules(refs(ref("green", `,"weight":5`), ref("blue", `,"weight":5`), ref("other", ""))),
		},
		"a weight that doesn't divide": {
			original: rules(refs(ref("green", `,"weight":10`), ref("other", ""))), percent: 1,
			want: "httproute ns/food: rule 0: green's weight 10 can't be split at 1% beside other backends\n  multiply every weight",
		},
		"switched off by its owner": {
			original: rules(refs(ref("green", `,"weight":0`)), refs(ref("green", ""))), percent: 50,
			want: rules(refs(ref("green", `,"weight":0`)), refs(ref("green", `,"weight":50`), ref("blue", `,"weight":50`))),
		},
		"another kind, group or namespace of the name": {
			original: rules(refs(ref("green", `,"kind":"Bucket"`), ref("green", `,"group":"x"`), ref("green", `,"namespace":"y"`),
				ref("green", `,"kind":"Service","group":"","namespace":"ns","weight":0`)), refs(ref("green", ""))), percent: 50,
			want: rules(refs(ref("green", `,"kind":"Bucket"`), ref("green", `,"group":"x"`), ref("green", `,"namespace":"y"`),
				ref("green", `,"kind":"Service","group":"","namespace":"ns","weight":0`)), refs(ref("green", `,"weight":50`), ref("blue", `,"weight":50`))),
		},
		"green twice": {
			original: rules(refs(ref("green", ""), ref("green", `,"port":81`))), percent: 1,
			want: "httproute ns/food: rule 0 names service green 2 times",
		},
		"green was taken out": {
			original: rules(refs(ref("other", "")), refs(ref("green", ""))), now: rules(refs(ref("other", "")), refs(ref("blue", `,"weight":1`))), percent: 5,
			want: "httproute ns/food: rule 1 no longer names service green\n  someone edited it",
		},
		"green was renamed in one rule of two": {
			original: rules(refs(ref("green", "")), refs(ref("green", ""))), now: rules(refs(ref("new", "")), refs(ref("green", ""))), percent: 5,
			want: "rule 0 no longer names service green",
		},
		"no rule is left": {
			original: rules(refs(ref("green", ""))), now: rules(), percent: 5, want: "nothing in it names service green any more",
		},
		"a rollback puts green back where it was taken out": {
			original: rules(refs(ref("green", `,"port":80`))), now: rules(refs(ref("blue", `,"weight":50`))), percent: 0,
			want: rules(refs(ref("green", `,"port":80`))),
		},
		"a rollback goes on with two greens": {
			original: rules(refs(ref("green", ""))), percent: 0,
			now:  rules(refs(ref("green", `,"weight":0`), ref("blue", `,"weight":100`), ref("green", `,"port":81,"weight":0`))),
			want: rules(refs(ref("green", `,"weight":100`), ref("blue", `,"weight":0`), ref("green", `,"port":81,"weight":0`))),
		},
		"a rule that came during the rollout moves, too": {
			original: rules(refs(ref("green", ""))), percent: 50,
			now: rules(`{"matches":["new"],"backendRefs":[{"name":"green","weight":3}]}`, refs(ref("green", `,"weight":90`), ref("blue", `,"weight":10`))),
			want: rules(`{"backendRefs":[{"name":"green","weight":50},{"name":"blue","weight":50}],"matches":["new"]}`,
				refs(ref("green", `,"weight":50`), ref("blue", `,"weight":50`))),
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := routeOf(tc.original)
			now := parse(t, tc.original)
			if tc.now != "" {
				now = parse(t, tc.now)
			}
			ops, err := r.shift(parse(t, tc.original), now, tc.percent)
			if err != nil {
				if !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("error %v, want %s", err, tc.want)
				}
				return
			}
			if got := apply(t, now, ops); !strings.HasPrefix(tc.want, "{") || !equal(got, parse(t, tc.want)) {
				t.Errorf("\n got %s\nwant %s", text(t, got), tc.want)
			}
		})
	}
}

// revert is what makes an object again what the route was.
func revert(t testing.TB, r Route, object map[string]any) []op {
	t.Helper()
	original, err := r.object()
	if err != nil {
		t.Fatal(err)
	}
	ops, err := r.revert(original, object)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

func TestRevert(t *testing.T) {
	for name, tc := range map[string]struct{ original, now, want string }{
		"a missing weight is missing again": {
			rules(refs(ref("green", ""))), rules(refs(ref("green", `,"weight":50`), ref("blue", `,"weight":50`))), rules(refs(ref("green", ""))),
		},
		"nothing to undo": {rules(refs(ref("green", `,"weight":7`))), rules(refs(ref("green", `,"weight":7`))), rules(refs(ref("green", `,"weight":7`)))},
		"what others changed stays": {
			rules(refs(ref("green", `,"weight":2`), ref("other", `,"weight":1`)), refs(ref("green", ""))),
			`{"metadata":{"labels":{"a":"b"}},"spec":{"hostnames":["new"],"rules":[
				{"filters":["new"],"backendRefs":[{"name":"green","weight":1,"port":81},{"name":"blue","weight":1},{"name":"other","weight":9},{"name":"third"}]},
				{"backendRefs":[{"name":"green","weight":50},{"name":"blue","weight":50}]}]}}`,
			`{"metadata":{"labels":{"a":"b"}},"spec":{"hostnames":["new"],"rules":[
				{"filters":["new"],"backendRefs":[{"name":"green","weight":2,"port":81},{"name":"other","weight":9},{"name":"third"}]},
				{"backendRefs":[{"name":"green"}]}]}}`,
		},
		"rules that changed places": {
			`{"spec":{"rules":[{"matches":["a"],"backendRefs":[{"name":"green","weight":1}]},{"matches":["b"],"backendRefs":[{"name":"green"}]}]}}`,
			`{"spec":{"rules":[{"matches":["new"],"backendRefs":[{"name":"green","weight":4}]},{"matches":["b"],"backendRefs":[{"name":"green","weight":5},{"name":"blue"}]},
				{"matches":["a"],"backendRefs":[{"name":"blue"},{"name":"green","weight":5}]}]}}`,
			`{"spec":{"rules":[{"matches":["new"],"backendRefs":[{"name":"green","weight":4}]},{"matches":["b"],"backendRefs":[{"name":"green"}]},
				{"matches":["a"],"backendRefs":[{"name":"green","weight":1}]}]}}`,
		},
		"a rule that came during the rollout keeps what it has": {
			rules(refs(ref("other", ""))), rules(refs(ref("green", `,"weight":30`), ref("blue", `,"weight":70`))), rules(refs(ref("green", `,"weight":100`))),
		},
		"green was taken out": {
			rules(refs(ref("green", `,"port":80`))), rules(refs(ref("x", ""), ref("blue", ""))), rules(refs(ref("x", ""), ref("green", `,"port":80`))),
		},
		"blue was taken out": {rules(refs(ref("green", ""))), rules(refs(ref("green", `,"weight":0`))), rules(refs(ref("green", "")))},
		"blue is there twice": {
			rules(refs(ref("green", ""))), rules(refs(ref("blue", ""), ref("green", `,"weight":9`), ref("blue", ""))), rules(refs(ref("green", ""))),
		},
		"both were taken out": {rules(refs(ref("green", ""))), rules(refs(ref("x", ""))), rules(refs(ref("x", "")))},
		"the route before a shift that failed": {
			rules(refs(ref("green", `,"weight":99`), ref("blue", `,"weight":1`))), rules(refs(ref("green", `,"weight":50`), ref("blue", `,"weight":50`))),
			rules(refs(ref("green", `,"weight":99`), ref("blue", `,"weight":1`))),
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := parse(t, tc.now)
			got := apply(t, now, revert(t, routeOf(tc.original), now))
			if !equal(got, parse(t, tc.want)) {
				t.Errorf("\n got %s\nwant %s", text(t, got), tc.want)
			}
			if again := revert(t, routeOf(tc.original), got); len(again) > 0 {
				t.Errorf("a second time changes %v", again)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	got, err := Describe(routeOf(rules(refs(ref("green", "")))), 1)
	want := "spec.rules[0].backendRefs[0].weight: absent → 99\nspec.rules[0].backendRefs[1]: new, service blue with weight 1"
	if err != nil || strings.Join(got, "\n") != want {
		t.Errorf("%v\n%s", err, strings.Join(got, "\n"))
	}
	if _, err := Describe(routeOf(rules(refs(ref("green", ""), ref("x", "")))), 1); err == nil {
		t.Error("a share that can't be set was described")
	}
}

func TestPercent(t *testing.T) {
	for name, tc := range map[string]struct {
		rules []RuleShare
		want  int
		ok    bool
	}{
		"none":             {nil, 0, false},
		"one":              {[]RuleShare{{Green: 99, Blue: 1}}, 1, true},
		"green alone":      {[]RuleShare{{Green: 1}}, 0, true},
		"blue alone":       {[]RuleShare{{Blue: 1}}, 100, true},
		"agree":            {[]RuleShare{{Green: 5, Blue: 5}, {Green: 50, Blue: 50}}, 50, true},
		"disagree":         {[]RuleShare{{Green: 5, Blue: 5}, {Green: 1}}, 0, false},
		"no whole percent": {[]RuleShare{{Green: 2, Blue: 1}}, 0, false},
		"one switched off": {[]RuleShare{{}, {Green: 1, Blue: 1}}, 50, true},
	} {
		if got, ok := (Share{Rules: tc.rules}).Percent(); got != tc.want || ok != tc.ok {
			t.Errorf("%s: %d, %v", name, got, ok)
		}
	}
}
