package near

import (
	"slices"
	"testing"
)

func TestSuggest(t *testing.T) {
	known := []string{"name", "traffic", "hold", "gate"}
	for written, want := range map[string]string{
		"traffik": "traffic", "TRAFFIC": "traffic", "trafficc": "traffic", "tarffic": "traffic", "hodl": "hold", "gates": "gate",
		"weight": "", "x": "", "": "", "completely-other": "",
	} {
		if got, _ := Suggest(written, known); got != want {
			t.Errorf("%q suggests %q, want %q", written, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"", "abc"}: 3, {"abc", "abc"}: 0, {"abc", "acb"}: 1, {"abc", "ab"}: 1, {"abc", "xbc"}: 1, {"kitten", "sitting"}: 3,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%v: %d, want %d", pair, got, want)
		}
		if distance(pair[1], pair[0]) != distance(pair[0], pair[1]) {
			t.Errorf("%v: differs the other way round", pair)
		}
	}
}

func TestFirst(t *testing.T) {
	got := First("foodsvc-v3", []string{"drink-v1", "foodsvc-v1", "foodsvc-v2", "foodsvc-v3.1"})
	if want := []string{"foodsvc-v1", "foodsvc-v2", "foodsvc-v3.1", "drink-v1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
