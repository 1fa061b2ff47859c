package action

import (
	"context"
	"errors"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/rollout"
)

// answerTime is how long a live launcher may take to answer. It needs less than a second.
const answerTime = 10 * time.Second

// Steer asks something of a rollout under way: of the process that drives it or, when that is gone, by doing it itself.
type Steer struct {
	Cluster *Cluster
	Verb    record.Verb
	Full    bool       // promote: skip to 100 %
	Reason  string     // kept in the record
	Events  event.Sink // hears what happens when this process does it itself
}

// Run steers the newest rollout of the given name, which is its id or its app's. It says what it found or did.
// When this process has to do the work, the error is as Launch.Run's.
func (s *Steer) Run(ctx context.Context, name string) (string, error) {
	rec, err := s.Cluster.find(ctx, name)
	if err != nil {
		return "", err
	}
	if s.Verb == record.Settle || s.Verb == record.Resume || s.Verb == record.Retry {
		if err := s.Cluster.settleOverdue(ctx, rec.App, s.Events); err != nil {
			return "", err
		}
	}
	if answer, err := s.early(ctx, rec); answer != "" || err != nil {
		return answer, err
	}
	who, err := s.Cluster.whoami(ctx)
	if err != nil {
		return "", err
	}
	if s.Verb == record.Settle && rec.State == record.Settling {
		return s.settling(ctx, rec, who)
	}
	if s.Verb == record.Retry { // nobody drives what halted
		return s.takeLease(ctx, rec, who)
	}
	driver, err := s.Cluster.lease(rec.App).HeldBy(ctx)
	if err != nil {
		return "", err
	}
	if driver != "" {
		answer, err := s.ask(ctx, rec, who)
		if err == nil || !errors.Is(err, context.DeadlineExceeded) {
			return answer, err
		}
	}
	if s.forDriver() {
		return "", nobody(rec, driver)
	}
	return s.takeLease(ctx, rec, who)
}

// forDriver tells whether only the process that drives the rollout can do it.
func (s *Steer) forDriver() bool { return s.Verb == record.Pause || s.Verb == record.Promote }

// nobody says that there is nobody to pause a rollout, or to promote it: no driver, or one that does not answer.
func nobody(rec *record.Rollout, driver string) error {
	silent := ""
	if driver != "" {
		silent = fmt.Sprintf("%s has not answered within %s: it seems that ", driver, answerTime)
	}
	return fmt.Errorf("%snobody drives rollout %s, which stands still with %d%% on blue\n  go on with it: kubectl dro resume %s -n %s",
		silent, rec.ID, rec.Traffic, rec.ID, rec.Namespace)
}

// early is what can be said without asking anybody: an answer when there is nothing to do, an error when what is asked
// can't be done.
func (s *Steer) early(ctx context.Context, rec *record.Rollout) (answer string, err error) {
	switch {
	case s.Verb == record.Settle:
		return settled(rec)
	case s.Verb == record.Retry:
		if err := retriable(rec); err != nil {
			return "", err
		}
		return "", s.Cluster.newest(ctx, rec)
	case rec.State == record.RollingBack && s.forDriver():
		return "", fmt.Errorf("rollout %s is on its way back to green, which nothing stops: %s", rec.ID, rec.Cause)
	case !rec.State.Ended():
		return "", nil
	case s.Verb == record.Abort && rec.State == record.RolledBack:
		return over(rec) + "; there is nothing left to abort", nil
	}
	return "", errors.New(over(rec))
}

// takeLease does what was asked itself, once the lease is this process's.
func (s *Steer) takeLease(ctx context.Context, rec *record.Rollout, who string) (answer string, err error) {
	lease := s.Cluster.lease(rec.App)
	if err := lease.Acquire(ctx); err != nil {
		return "", err
	}
	err = s.Cluster.holding(ctx, lease, func(ctx context.Context, own *Cluster) error {
		answer, err = s.takeOver(ctx, own, rec.ID, who)
		return err
	})
	return answer, err
}

// ask puts the command on the record and waits for what the driver makes of it.
func (s *Steer) ask(ctx context.Context, rec *record.Rollout, who string) (string, error) {
	c := record.Command{ID: string(uuid.NewUUID()), Verb: s.Verb, Full: s.Full, By: who, Reason: s.Reason}
	records := s.Cluster.Records()
	if err := records.Send(ctx, rec, c); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answer := ""
	err := records.Follow(ctx, rec, func(now *record.Rollout, _ *record.Command) bool {
		switch {
		case now.Answer != nil && now.Answer.Command == c.ID:
			answer = now.Answer.Text
		case s.Verb == record.Abort && now.State == record.RollingBack:
			answer = "all traffic is on green; blue is being removed"
		case s.forDriver() && now.State == record.RollingBack:
			answer = "it is on its way back to green: " + now.Cause
		case (s.Verb == record.Abort || s.forDriver()) && now.State == record.Settling:
			answer = "it is settling: green is being replaced, and there is nothing to go back to"
		case now.State.Ended():
			answer = "it is " + string(now.State)
		}
		return answer == ""
	})
	return fmt.Sprintf("rollout %s: %s", rec.ID, answer), err
}

// takeOver does what was asked of a rollout that nobody drives.
func (s *Steer) takeOver(ctx context.Context, own *Cluster, name, who string) (answer string, err error) {
	rec, err := own.find(ctx, name) // as it is now that nobody else writes it
	if err != nil {
		return "", err
	}
	if answer, err := s.early(ctx, rec); answer != "" || err != nil { // its driver ended it while this process waited for the lease
		return answer, err
	}
	engine, err := own.engine(ctx, rec, s.Events)
	if err != nil {
		return "", err
	}
	if s.Verb == record.Abort {
		err := engine.Back(ctx, rec, &rollout.AbortError{By: who, Reason: s.Reason})
		var back *rollout.RolledBackError
		if errors.As(err, &back) {
			return "", nil // as was asked
		}
		return "", err
	}
	engine.Resume(rec, record.Command{Verb: s.Verb, By: who, Reason: s.Reason})
	return "", own.run(ctx, engine, rec)
}

// whoami is the user as the API server knows them.
func (c *Cluster) whoami(ctx context.Context) (string, error) {
	review, err := c.Client.AuthenticationV1().SelfSubjectReviews().
		Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("ask who you are: %w", err)
	}
	return review.Status.UserInfo.Username, nil
}
