package kpi

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// A job that is slower than a sample goes on beside the samples, and runs again when its interval is over.
func TestJobRunsBesideTheSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		source, _, err := openJob(t.Context(), Way{Live: t.Context(), Command: func(ctx context.Context, _ blueprint.Place, service string) (int, error) {
			if service != "food-blue" {
				t.Errorf("runs for %s", service)
			}
			runs++
			exit := runs
			select {
			case <-time.After(8 * time.Second):
			case <-ctx.Done():
			}
			return exit, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		query := sourced{blueprint.FromJob, blueprint.Place{Cmd: "true", Every: "20s"}}.write(`"food-blue"`)
		sample := func() Answer {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			answers, err := source.Sample(ctx, []string{query})
			if err != nil {
				t.Fatal(err)
			}
			return answers[0]
		}
		if a := sample(); a.Err == nil {
			t.Errorf("5s on, its first run of 8s: %+v", a)
		}
		if a := sample(); a.Err != nil || a.Series[0].Value != 1 {
			t.Errorf("8s on: %+v", a)
		}
		time.Sleep(11 * time.Second) // 19s on: not due yet
		if a := sample(); a.Series[0].Value != 1 || runs != 1 {
			t.Errorf("19s on: %+v after %d runs", a, runs)
		}
		time.Sleep(2 * time.Second) // 21s on: due; what is known stays good until the new run has ended
		if a := sample(); a.Series[0].Value != 1 {
			t.Errorf("21s on: %+v", a)
		}
		time.Sleep(9 * time.Second)
		if a := sample(); a.Series[0].Value != 2 || runs != 2 {
			t.Errorf("30s on: %+v after %d runs", a, runs)
		}
	})
}
