package traffic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/dynamic"
)

// owner is the field manager under which dro writes.
const owner = "kubectl-dro"

// undoTime limits the way back of routes that moved when another couldn't; the caller's time may be over by then.
const undoTime = 10 * time.Second

// Mover writes routes and reads them back. Routes are given in the order in which their components move.
//
// All that is read for one move is read at once, and nothing is written before every route has been found fit for it.
// The writes themselves come one after the other, so that a component never moves before the one that it calls.
type Mover struct {
	Client dynamic.Interface
	Warn   func(message string) // hears of what is no reason to stop: a route that is gone, an owner not handed back
	DryRun bool                 // the API server checks what would be written, and writes nothing
}

// form is a way of splitting traffic: what it takes to move one route.
type form interface {
	// reads are the objects that a move begins with.
	reads(r Route) []key
	// check says, from what was read, why the route can't be set to a share.
	check(s *session, r Route, percent int) error
	// shift writes a share. What it returns takes the write back.
	shift(ctx context.Context, s *session, r Route, percent int) (undo func(context.Context, *session) error, err error)
	restore(ctx context.Context, s *session, r Route) error
	// share is the split that the cluster has.
	share(ctx context.Context, s *session, r Route) (Share, error)
	// describe says what a shift would change, from the route as it was found.
	describe(r Route, percent int) ([]string, error)
}

// form is the row's way.
func (r Row) form() form {
	switch r.Form {
	case TwinForm:
		return twin{}
	case SwitchForm:
		return labelSwitch{}
	case ReplicasForm:
		return replicas{}
	}
	return inPlace{}
}

// Shift gives blue percent of the traffic of every route: all of them or, when one can't move, none.
// At 0 it works backwards and moves as many as it can, whatever the others say.
func (m *Mover) Shift(ctx context.Context, routes []Route, percent int) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("shift to %d%%: a share is 0%% to 100%%", percent)
	}
	s := m.session()
	if percent == 0 && !slices.ContainsFunc(routes, func(r Route) bool { return !r.Choice.empty() }) {
		s.readAhead(ctx, routes)
		return m.each(routes, func(r Route) error {
			_, err := r.Row.form().shift(ctx, s, r, 0)
			return err
		})
	}
	if err := fit(ctx, s, routes, percent); err != nil {
		return err
	}
	undo := make([]func(context.Context, *session) error, 0, len(routes))
	for i, r := range routes {
		back, err := r.Row.form().shift(ctx, s, r, percent)
		if err != nil {
			err = fmt.Errorf("shift %s to %d%%: %w", r.Component, percent, explained(r, err))
			return errors.Join(err, m.undo(ctx, routes[:i], undo))
		}
		undo = append(undo, back)
	}
	return nil
}

// fit reads every route and tells which can't be set to a share, before any has been written.
func fit(ctx context.Context, s *session, routes []Route, percent int) error {
	s.readAhead(ctx, routes)
	for _, r := range routes {
		if err := r.Row.form().check(s, r, percent); err != nil {
			return fmt.Errorf("shift %s to %d%%: %w", r.Component, percent, err)
		}
	}
	return nil
}

// undo puts routes back as they were before a shift that could not move them all.
func (m *Mover) undo(ctx context.Context, routes []Route, undo []func(context.Context, *session) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	var errs []error
	for i, r := range slices.Backward(routes) {
		if err := undo[i](ctx, m.session()); err != nil {
			errs = append(errs, fmt.Errorf("put %s back, which had moved already: %w", r.Component, err))
		}
	}
	return errors.Join(errs...)
}

// Restore puts the routes back as they were at the launch, the last component first: blue's entry gone, green's weight
// as it was. A route that no longer exists is warned about and holds nothing up. It can be run twice.
func (m *Mover) Restore(ctx context.Context, routes []Route) error {
	s := m.session()
	s.readAhead(ctx, routes)
	err := m.each(routes, func(r Route) error { return r.Row.form().restore(ctx, s, r) })
	if err != nil {
		return err
	}
	// Traffic is back, so what follows is courtesy: it comes after every route's write and stops nothing.
	for _, r := range routes {
		if err := s.handBack(ctx, r); err != nil && !apierrors.IsNotFound(err) {
			m.warn("hand the fields of %s back to their owners: %v", r, err)
		}
	}
	return nil
}

// Shares reads the split back from the cluster, for every route that can be read.
func (m *Mover) Shares(ctx context.Context, routes []Route) ([]Share, error) {
	s := m.session()
	s.readAhead(ctx, routes)
	var shares []Share
	var errs []error
	for _, r := range routes {
		share, err := r.Row.form().share(ctx, s, r)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: read its weights: %w", r, err))
			continue
		}
		shares = append(shares, share)
	}
	return shares, errors.Join(errs...)
}

// each does something to every route, the last first, whatever happens to the others. A route that is gone sends
// nothing to blue.
func (m *Mover) each(routes []Route, do func(Route) error) error {
	var errs []error
	for _, r := range slices.Backward(routes) {
		switch err := do(r); {
		case apierrors.IsNotFound(err):
			m.warn("%s is gone: someone deleted it during the rollout", r)
		case err != nil:
			errs = append(errs, fmt.Errorf("give %s back to green: %w", r.Component, explained(r, err)))
		}
	}
	return errors.Join(errs...)
}

func (m *Mover) warn(format string, args ...any) {
	if m.Warn != nil {
		m.Warn(fmt.Sprintf(format, args...))
	}
}
