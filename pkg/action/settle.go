package action

import (
	"context"
	"errors"
	"fmt"

	"dro.dev/kubectl-dro/pkg/record"
)

// settled is what settling comes to before anybody is asked: an answer when there is nothing to do, an error when the
// keep window is not there to be ended.
func settled(rec *record.Rollout) (answer string, err error) {
	step := rec.Current()
	switch {
	case rec.State == record.Completed:
		return over(rec) + "; it has settled", nil
	case rec.State.Ended():
		return "", errors.New(over(rec))
	case rec.State == record.RollingBack:
		return "", fmt.Errorf("rollout %s is on its way back to green: there is nothing to settle", rec.ID)
	case step == nil || step.State != record.Keeping && step.State != record.Settling:
		return "", fmt.Errorf("rollout %s is %s with %d%% on blue: the keep window that settle ends has not begun\n"+
			"  get there: kubectl dro promote %s --full -n %s", rec.ID, rec.State, rec.Traffic, rec.ID, rec.Namespace)
	}
	return "", nil
}

// settling answers who asks to settle what settles already, or takes it over when nobody drives it.
func (s *Steer) settling(ctx context.Context, rec *record.Rollout, who string) (string, error) {
	answer, err := s.takeLease(ctx, rec, who)
	var held *record.HeldError
	if errors.As(err, &held) {
		return fmt.Sprintf("rollout %s is settling already, driven by %s", rec.ID, held.Holder), nil
	}
	return answer, err
}

// over says how and when a rollout ended.
func over(rec *record.Rollout) string {
	text := fmt.Sprintf("rollout %s is over: %s", rec.ID, rec.State)
	if rec.Ended != nil {
		text += " since " + rec.Ended.UTC().Format("2006-01-02 15:04:05Z")
	}
	if rec.State == record.Halted {
		text += fmt.Sprintf("\n  see why:       kubectl dro status %s -n %s\n  go on with it: kubectl dro retry %s -n %s",
			rec.ID, rec.Namespace, rec.ID, rec.Namespace)
	}
	return text
}
