package action

import (
	"context"
	"errors"
	"testing"

	"dro.dev/kubectl-dro/pkg/kpi"
)

// A launcher whose KPIs have no source for a while asks again; it must not fall over a source that was not found.
func TestASourceThatIsFoundLater(t *testing.T) {
	gone, tries := errors.New("connection refused"), 0
	l := &late{find: func(context.Context) (*kpi.Sources, error) {
		if tries++; tries < 3 {
			return nil, gone
		}
		sources, _, err := kpi.Open(t.Context(), kpi.Way{}, nil)
		return sources, err
	}}
	for i, want := range []error{gone, gone, nil, nil} {
		if _, err := l.Sample(t.Context(), nil); !errors.Is(err, want) {
			t.Errorf("sample %d: %v, want %v", i, err, want)
		}
	}
	if tries != 3 {
		t.Errorf("the source was looked for %d times", tries)
	}
}
