package action

import (
	"encoding/json"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/record"
)

// completed is a rollout that took food, and perhaps more, from one image to the next.
func completed(t *testing.T, number int, id, text string, components ...record.Component) *record.Rollout {
	t.Helper()
	bp, _, err := blueprint.Parse("-", []byte("id: "+id+"\nphases: [{name: full, traffic: 100%}]\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(bp)
	if err != nil {
		t.Fatal(err)
	}
	return &record.Rollout{ID: id, App: "food", Namespace: "food-svc", Number: number, State: record.Completed,
		Components: components, Blueprint: data, Facts: []byte("{}")}
}

func TestPreviousIsWhatLaunchedIt(t *testing.T) {
	one := completed(t, 1, "food-v1", `images: [{svc: food, tag: "1"}]`, record.Component{Name: "food", Blue: "r/food:1"})
	two := completed(t, 2, "food-v2", `images: [{svc: food, tag: "2"}]`, record.Component{Name: "food", Green: "r/food:1", Blue: "r/food:2"})
	bp, notes, err := previous([]*record.Rollout{one, two}, two)
	if err != nil || bp.ID != "food-v1" || bp.Images[0].Tag != "1" || len(notes) > 0 {
		t.Errorf("got %+v, %q, %v", bp, notes, err)
	}
	failed := *one
	failed.State = record.RolledBack // it never was live
	if bp, _, err = previous([]*record.Rollout{&failed, two}, two); err != nil || bp.ID != "food-v2-rollback" {
		t.Errorf("got %+v, %v", bp, err)
	}
}

func TestPreviousIsMadeFromTheImagesFound(t *testing.T) {
	two := completed(t, 2, "food-v2", `
images:
  - {svc: food, digest: "sha256:`+strings.Repeat("2", 64)+`", chart: ./chart, version: 2.0.0, set: [a=b]}
  - {svc: pay, image: r/pay, tag: "1"}
configs: [{name: rules, data: {a: new}}]
`, record.Component{Name: "food", Green: "r:5000/food:1", Blue: "r:5000/food@sha256:2"}, record.Component{Name: "pay", Blue: "r/pay:1"})
	bp, notes, err := previous([]*record.Rollout{two}, two)
	if err != nil {
		t.Fatal(err)
	}
	if len(bp.Images) != 1 {
		t.Fatalf("got %+v, want food alone", bp.Images)
	}
	food := bp.Images[0]
	if food.Image != "r:5000/food:1" || food.Tag+food.Digest+food.Chart+food.Version != "" || len(food.Set) != 1 {
		t.Errorf("got %+v", food)
	}
	said := strings.Join(notes, "\n")
	for _, want := range []string{"r:5000/food:1", "pay was new in food-v2", "food keeps its present chart", "configs stay"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
}

func TestThereIsNothingBeforeAFirstLaunch(t *testing.T) {
	one := completed(t, 1, "food-v1", `images: [{svc: food, tag: "1"}]`, record.Component{Name: "food", Blue: "r/food:1"})
	if _, _, err := previous([]*record.Rollout{one}, one); err == nil || !strings.Contains(err.Error(), "first launch of app food") {
		t.Errorf("got %v", err)
	}
}

func TestBackID(t *testing.T) {
	for id, want := range map[string]string{
		"food-v2":                              "food-v2-rollback",
		strings.Repeat("a", 53) + "-v2.1-beta": strings.Repeat("a", 53) + "-rollback",
	} {
		if got := backID(id); got != want || len(got) > 63 {
			t.Errorf("%s: got %s", id, got)
		}
	}
}

func TestRollbackOfWhatIsNotLive(t *testing.T) {
	for state, want := range map[record.State]string{
		record.RolledBack: "what was live before it is live",
		record.Settling:   "go back once it has",
		record.Halted:     "kubectl dro retry food-v2",
	} {
		answer, err := (&Rollback{Cluster: driven(t, state)}).Run(t.Context(), "food")
		said := answer
		if err != nil {
			said = err.Error()
		}
		if !strings.Contains(said, want) || (err == nil) != (state == record.RolledBack) {
			t.Errorf("%s: got %q, %v", state, answer, err)
		}
	}
}

func TestEdited(t *testing.T) {
	const launched = `images: [{svc: food, tag: "2"}]`
	rec := completed(t, 2, "food-v2", launched)
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"the same":                      {launched, nil},
		"the same, written differently": {"images:\n- {tag: \"2\", svc: food, tagValue: image.tag}\nkeep: 900s", nil},
		"another tag and hold":          {"images: [{svc: food, tag: \"3\"}]\nkeep: 1m", []string{`-  tag: "2"`, `+  tag: "3"`, "+keep: 1m", "--- as launched"}},
	} {
		bp, _, err := blueprint.Parse("-", []byte("id: food-v2\nphases: [{name: full, traffic: 100%}]\n"+tc.text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := edited(rec, bp)
		if err != nil || (got == "") != (tc.want == nil) {
			t.Errorf("%s: got %v\n%s", name, err, got)
		}
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", name, want, got)
			}
		}
	}
}

func TestRetriable(t *testing.T) {
	for state, want := range map[record.State]string{
		record.Halted:     "",
		record.Completed:  "nothing to retry",
		record.RolledBack: "launch it again",
		record.Paused:     "kubectl dro abort food-v2 -n food-svc",
		record.Shifting:   "kubectl dro resume food-v2 -n food-svc",
	} {
		err := retriable(&record.Rollout{ID: "food-v2", Namespace: "food-svc", State: state})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", state, err, want)
		}
	}
}

func TestWhatAnotherCameAfterIsNotRetried(t *testing.T) {
	c := driven(t, record.Halted)
	old, err := c.find(t.Context(), "food")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.newest(t.Context(), old); err != nil {
		t.Errorf("the newest: %v", err)
	}
	if err := c.Records().Create(t.Context(), &record.Rollout{ID: "food-v3", App: "food", Namespace: "food-svc", State: record.Completed}); err != nil {
		t.Fatal(err)
	}
	if err := c.newest(t.Context(), old); err == nil || !strings.Contains(err.Error(), "food-v3 came after it and is Completed") {
		t.Errorf("got %v", err)
	}
}

// Somebody else drives the rollout that is launched again: nothing is written, and they are named.
func TestALaunchOfWhatIsDrivenSaysByWhomAndHowToJoin(t *testing.T) {
	rec := &record.Rollout{ID: "food-v2", Namespace: "food-svc", State: record.Shifting, Traffic: 50}
	said := joinIt(rec, "ann@laptop (process 1)").Error()
	for _, want := range []string{"Shifting with 50% on blue", "ann@laptop", "status -w food-v2 -n food-svc", "logs -f food-v2 -n food-svc"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
}
