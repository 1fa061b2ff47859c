package demo

import (
	"strings"
	"testing"

	"dro.dev/kubectl-dro/playground/load"
)

func TestJudge(t *testing.T) {
	fine := load.Count{Target: "food.example/pay", Version: "1.0.0", Status: "200", N: 100}
	defect := load.Count{Target: "food.example/pay", Version: "2.0.0", Status: "500", N: 3}
	for name, tc := range map[string]struct {
		counts []load.Count
		wrong  []string
	}{
		"only the defect":               {[]load.Count{fine, defect}, nil},
		"the defect never showed":       {[]load.Count{fine}, []string{"never showed"}},
		"green failed":                  {[]load.Count{defect, {Target: "a/", Version: "1.0.0", Status: "503", N: 1}}, []string{"1 requests failed"}},
		"the gateway had no endpoint":   {[]load.Count{defect, {Target: "a/", Version: "none", Status: "503", N: 2}}, []string{"2 requests failed"}},
		"a connection to 2.0.0 was cut": {[]load.Count{defect, {Target: "a/", Version: "2.0.0", Status: "reset", N: 1}}, []string{"1 requests failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(tc.counts)
			if len(got) != len(tc.wrong) {
				t.Fatalf("judge = %v, want %d complaints", got, len(tc.wrong))
			}
			for i, want := range tc.wrong {
				if !strings.Contains(got[i].Error(), want) {
					t.Errorf("complaint %q does not say %q", got[i], want)
				}
			}
		})
	}
}

func TestAlone(t *testing.T) {
	green := load.Count{Target: "a/", Version: "1.0.0", Status: "200", N: 100}
	blue := load.Count{Target: "a/", Version: "2.0.0", Status: "200", N: 1}
	if err := alone([]load.Count{green}, "1.0.0"); err != nil {
		t.Errorf("only green answered: %v", err)
	}
	if err := alone([]load.Count{green, blue}, "1.0.0"); err == nil || !strings.Contains(err.Error(), "answered by 2.0.0") {
		t.Errorf("one answer of blue: %v", err)
	}
	if err := alone(nil, "1.0.0"); err == nil {
		t.Error("no answers at all count as success")
	}
}

func TestTable(t *testing.T) {
	got := table([]load.Count{
		{Target: "a/", Version: "1.0.0", Status: "200", N: 1000},
		{Target: "b/", Version: "1.0.0", Status: "200", N: 500},
		{Target: "a/", Version: "2.0.0", Status: "200", N: 98},
		{Target: "a/", Version: "2.0.0", Status: "500", N: 2},
		{Target: "a/", Version: "none", Status: "refused", N: 1},
	})
	want := strings.TrimPrefix(`
  version  requests  failures
    1.0.0      1500         0
    2.0.0       100         2
     none         1         1
      all      1601         3
failures caused by 2.0.0's own defect: 2
failures not caused by it: 1
`, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
