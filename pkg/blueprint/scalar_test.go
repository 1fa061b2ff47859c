package blueprint

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestThreshold(t *testing.T) {
	for text, want := range map[string]Threshold{
		"< 0.5%":       {"<", 0.005, "%", false},
		"> 98%":        {">", 0.98, "%", false},
		"<= 300ms":     {"<=", 0.3, "ms", false},
		"< 1.2s":       {"<", 1.2, "s", false},
		"< 1.2x green": {"<", 1.2, "", true},
		"< 0.2":        {"<", 0.2, "", false},
		">= -3":        {">=", -3, "", false},
		"< 0.7%":       {"<", 0.007, "%", false},
		"> 99.999%":    {">", 0.99999, "%", false},
		"< 0":          {"<", 0, "", false},
		"< 1200":       {"<", 1200, "", false},
	} {
		got, err := ParseThreshold(text)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
		equal(t, got.String(), text)
	}
	for text, want := range map[string]string{
		"<0.50 %": "< 0.5%", "  >=098%": ">= 98%", "< 1.20x  green": "< 1.2x green", "< 1x green ": "< 1x green", "< -0": "< 0",
	} {
		got, err := ParseThreshold(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		equal(t, got.String(), want)
	}
	for _, text := range []string{"", "<", "0.5%", "< .", "< 1e3", "< 1,5", "= 1", "<> 1", "< 1%%", "< 1 minute", "< 1x", "< 1 green", "< 1% green", "< NaN", "< 1\n< 2", "< 12345678901"} {
		if got, err := ParseThreshold(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestThresholdHolds(t *testing.T) {
	for text, values := range map[string]map[float64]bool{
		"< 0.5%":      {0.0049: true, 0.005: false, 0.006: false},
		"<= 300ms":    {0.3: true, 0.31: false},
		"> 98%":       {0.981: true, 0.98: false},
		">= 5":        {5: true, 4.9: false},
		"< 2x green":  {0.19: true, 0.2: false}, // green is 0.1
		">= 1x green": {0.1: true, 0.09: false},
	} {
		bound, err := ParseThreshold(text)
		if err != nil {
			t.Fatal(err)
		}
		for value, want := range values {
			if got := bound.Holds(value, 0.1); got != want {
				t.Errorf("%v %s: %v", value, text, got)
			}
		}
	}
	if (Threshold{}).Holds(0, 0) {
		t.Error("no threshold holds")
	}
}

// What a threshold is written as is read as the same threshold, to the last bit.
func FuzzThreshold(f *testing.F) {
	for _, text := range []string{"< 0.5%", "> 98%", "<= 300ms", "< 1.2x green", ">= -0.000001%", "< 999999999.999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bound, err := ParseThreshold(text)
		if err != nil {
			return
		}
		again, err := ParseThreshold(bound.String())
		if err != nil || again != bound {
			t.Errorf("%q is %+v, is written %q, is %+v, %v", text, bound, bound.String(), again, err)
		}
	})
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]struct {
		length  time.Duration
		written string
	}{
		"90s":     {90 * time.Second, "1m30s"},
		"15m":     {15 * time.Minute, "15m"},
		"60m":     {time.Hour, "1h"},
		"1h0m10s": {time.Hour + 10*time.Second, "1h0m10s"},
		"1.5h":    {90 * time.Minute, "1h30m"},
		"500ms":   {500 * time.Millisecond, "500ms"},
		"10s":     {10 * time.Second, "10s"},
		"10m":     {10 * time.Minute, "10m"},
		"100h":    {100 * time.Hour, "100h"},
		"0s":      {0, "0s"},
		"0":       {0, "0s"},
	} {
		var d Duration
		if err := d.parse(text); err != nil || d.Duration != want.length {
			t.Errorf("%s: got %v, %v", text, d.Duration, err)
		}
		equal(t, d.String(), want.written)
		var again Duration
		if err := again.parse(d.String()); err != nil || again != d {
			t.Errorf("%s: %s is read as %v, %v", text, d, again.Duration, err)
		}
	}
	for _, text := range []string{"", "30", "-1s", "1 minute", "1d", "s"} {
		if err := new(Duration).parse(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestPercent(t *testing.T) {
	for text, want := range map[string]Percent{"1%": 1, "1": 1, "100%": 100, "0": 0} {
		var p Percent
		if err := p.parse(text); err != nil || p != want {
			t.Errorf("%s: got %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "%", "101", "0.5%", "-1", "+5", "010", "1 %", "99999999999999999999"} {
		if err := new(Percent).parse(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// Outside of files the same types are read from JSON, where there is no shape to check first.
func TestJSONIsCheckedAsWell(t *testing.T) {
	for _, text := range []string{
		`{"keep": 30}`, `{"keep": "long"}`, `{"phases": [{"traffic": 1.5}]}`, `{"phases": [{"traffic": true}]}`,
		`{"kpi": {"a": 3}}`, `{"kpi": {"a": {"threshold": "3"}}}`, `{"images": [{"values": []}]}`, `{"keep": {}}`,
	} {
		if err := json.Unmarshal([]byte(text), new(Blueprint)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
	var b Blueprint
	if err := json.Unmarshal([]byte(`{"keep": null, "phases": [{"traffic": null}], "kpi": {"a": null}}`), &b); err != nil {
		t.Error(err)
	}
}

func TestAppOf(t *testing.T) {
	for id, want := range map[string]string{
		"foodsvc-v2": "foodsvc", "foodsvc-v2.1": "foodsvc", "foodsvc-v2.1-rc.1": "foodsvc", "foodsvc-v2024-06-15": "foodsvc",
		"foodsvc": "foodsvc", "video-vault": "video-vault", "my-v2-app-v3": "my-v2-app", "v2": "v2", "-v2": "-v2", "": "",
	} {
		equal(t, appOf(id), want)
	}
}

// Defaults are filled in once: a second time nothing changes, and what was given stays.
func TestDefaultIsIdempotent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := random(r)
		given := jsonOf(t, b)
		b.Default()
		once := jsonOf(t, b)
		b.Default()
		equal(t, jsonOf(t, b), once)
		kept(t, given, once)
	}
}

// kept checks that every value of one JSON object is in the other.
func kept(t *testing.T, given, after string) {
	t.Helper()
	var before, now any
	for text, into := range map[string]*any{given: &before, after: &now} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	var walk func(path string, a, b any)
	walk = func(path string, a, b any) {
		switch a := a.(type) {
		case map[string]any:
			for k := range a {
				other, _ := b.(map[string]any)
				walk(path+"."+k, a[k], other[k])
			}
		case []any:
			other, _ := b.([]any)
			if len(other) != len(a) {
				t.Errorf("%s has %d entries after %d", path, len(other), len(a))
				return
			}
			for i := range a {
				walk(path, a[i], other[i])
			}
		default:
			if a != nil && a != "" && a != b {
				t.Errorf("%s was %v and is %v", path, a, b)
			}
		}
	}
	walk("", before, now)
}

func random(r *rand.Rand) *Blueprint {
	word := func() string { return []string{"", "a", "food-v2", "food-v2.1", "x-v"}[r.IntN(5)] }
	length := func() *Duration { return []*Duration{nil, {}, {time.Second}}[r.IntN(3)] }
	b := &Blueprint{ID: word(), App: word(), Rollback: Policy(word()), Keep: length(), KPI: map[string]KPI{}}
	for range r.IntN(3) {
		b.Images = append(b.Images, Component{Svc: word(), MFE: word(), TagValue: word(), Service: word(), Port: r.Int32N(2)})
		b.Tests = append(b.Tests, Test{Name: word(), Before: word(), Target: Slot(word()), Timeout: length()})
		b.Phases = append(b.Phases, Phase{Name: word(), Hold: length(), Gate: Gate(word()), Advance: Advance(word())})
		b.KPI[strings.Repeat("k", r.IntN(3))] = KPI{Good: word(), Buckets: word(), Query: word(), Kind: KPIKind(word()), NoData: NoData(word()), For: r.IntN(3)}
	}
	return b
}
