package action

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/event"
	"dro.dev/kubectl-dro/pkg/kpi"
	"dro.dev/kubectl-dro/pkg/kpi/judge"
	"dro.dev/kubectl-dro/pkg/notify"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/rollout"
	"dro.dev/kubectl-dro/pkg/slot"
	"dro.dev/kubectl-dro/pkg/smoke"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// engine wires a record's rollout to the cluster. All it needs to know is in the record.
func (c *Cluster) engine(ctx context.Context, rec *record.Rollout, events event.Sink) (*rollout.Engine, error) {
	found, bp, err := read(rec)
	if err != nil {
		return nil, err
	}
	made, err := c.slots(bp)
	if err != nil {
		return nil, err
	}
	warn := func(message string) {
		events.Emit(event.Event{
			Time: time.Now(), Type: event.Warning, Message: message,
			Rollout: rec.ID, App: rec.App, Namespace: rec.Namespace,
		})
	}
	watch, err := c.sentinel(ctx, found, rec)
	if err != nil {
		return nil, err
	}
	events = event.Fanout{events, &notify.Kubernetes{
		Client: c.Client, About: about(rec, found), Component: record.ManagedBy, Instance: c.Self,
		Refused: func(err error) { warn(err.Error()) },
	}}
	return &rollout.Engine{
		Slots: slots{made, found},
		Tests: tests{
			runner: &smoke.Runner{
				Client: c.Client, Namespace: c.Namespace, Image: found.TestImage, App: rec.App, Rollout: rec.ID,
			},
			slots: made, facts: found, blueprint: bp, namespace: c.Namespace,
		},
		Routers:  routers{&traffic.Mover{Client: c.Dynamic, Warn: warn}, found.Routes, bp.Phases},
		Sentinel: watch,
		Standby:  placed{c, rec, found, made},
		Records:  records{c.Records()},
		Events:   events,
	}, nil
}

func (c *Cluster) slots(bp *blueprint.Blueprint) (*slot.Slots, error) {
	return slot.New(c.Getter, c.Namespace, bp)
}

// records is pkg/record as the loop wants it: another writer's record means that the rollout is lost.
type records struct{ record.Store }

func (r records) Save(ctx context.Context, rec *record.Rollout) error {
	err := r.Store.Save(ctx, rec)
	if apierrors.IsConflict(err) {
		return fmt.Errorf("%w: %w", rollout.ErrLost, err)
	}
	return err
}

// slots is pkg/slot as the loop wants it: releases by name.
type slots struct {
	*slot.Slots
	facts *facts
}

func (s slots) release(name string) (slot.Release, error) {
	for _, r := range slot.Releases(s.facts.Components) {
		if r.Name == name {
			return r, nil
		}
	}
	return slot.Release{}, fmt.Errorf("the record has no release %s", name)
}

func (s slots) Install(ctx context.Context, name string, progress func(string)) (string, error) {
	r, err := s.release(name)
	if err != nil {
		return "", err
	}
	make := s.InstallBlue
	if r.First {
		make = s.InstallGreen
	}
	last := ""
	err = make(ctx, r, func(message string) {
		last = message
		progress(message)
	})
	return last, err
}

func (s slots) Isolated(ctx context.Context) error {
	return s.VerifyIsolated(ctx, s.facts.moving())
}

func (s slots) Upgrade(ctx context.Context, name string, progress func(string)) error {
	r, err := s.release(name)
	if err != nil {
		return err
	}
	return s.UpgradeGreen(ctx, r, progress)
}

func (s slots) Remove(ctx context.Context, name string) error {
	r, err := s.release(name)
	if err != nil {
		return err
	}
	if r.First {
		return s.RemoveGreen(ctx, r)
	}
	return s.RemoveBlue(ctx, r)
}

// routers is pkg/traffic as the loop wants it: all routes of the rollout at once.
type routers struct {
	mover  *traffic.Mover
	routes []traffic.Route
	phases []blueprint.Phase
}

func (r routers) Shift(ctx context.Context, phase string, percent int) error {
	return r.mover.Shift(ctx, r.in(phase), percent)
}

// in are the routes with whom a phase leads to blue beside its share; after the phases it is whom the last one does.
func (r routers) in(phase string) []traffic.Route {
	routes := slices.Clone(r.routes)
	for n, p := range r.phases {
		if p.Name == phase || phase == "" && n == len(r.phases)-1 {
			for i := range routes {
				routes[i].Choice = choice(p)
			}
		}
	}
	return routes
}

// choice is who goes to blue in a phase, beside its share.
func choice(p blueprint.Phase) traffic.Choice {
	return traffic.Choice{Match: p.Match, Sticky: p.Sticky, Mirror: int(p.Mirror)}
}

func (r routers) Restore(ctx context.Context) error  { return r.mover.Restore(ctx, r.routes) }
func (r routers) Observed(ctx context.Context) error { return r.mover.Observed(ctx, r.routes) }
func (r routers) Drifted(ctx context.Context, phase string, percent int) (rollout.Drift, error) {
	d, err := r.mover.Drifted(ctx, r.in(phase), percent)
	return rollout.Drift{Text: d.String(), Lost: d.Lost != "", Stale: d.Stale}, err
}

// tests is pkg/smoke as the loop wants it: tests by name.
type tests struct {
	runner    *smoke.Runner
	slots     *slot.Slots
	facts     *facts
	blueprint *blueprint.Blueprint
	namespace string
}

func (t tests) Clean(ctx context.Context) error { return t.runner.Clean(ctx) }

func (t tests) Run(ctx context.Context, name string, log func(string)) error {
	var test blueprint.Test
	for _, candidate := range t.blueprint.Tests {
		if candidate.Name == name {
			test = candidate
		}
	}
	if test.Helm {
		return t.helm(ctx, test.Target, log)
	}
	found, err := t.slots.Hosts(ctx, t.facts.Components)
	if err != nil {
		return err
	}
	found = newAsBlue(found, t.facts.Components)
	_, err = t.runner.Run(ctx, test, smoke.Hosts(t.namespace, t.blueprint.App, hosts(found)), urls(found), log)
	return err
}

// helm runs the own tests of every chart that the rollout installs.
func (t tests) helm(ctx context.Context, target blueprint.Slot, log func(string)) error {
	for _, r := range slot.Releases(t.facts.Components) {
		if err := t.slots.HelmTest(ctx, r, target, log); err != nil {
			return err
		}
	}
	return nil
}

// newAsBlue lets a test reach a component that had no green by the name of blue as well: it is the new version.
func newAsBlue(found []slot.Endpoint, components []slot.Component) []slot.Endpoint {
	all := slices.Clone(found)
	for _, e := range found {
		for _, c := range components {
			if c.Name == e.Component && c.First {
				e.Slot = string(blueprint.Blue)
				all = append(all, e)
			}
		}
	}
	return all
}

func hosts(found []slot.Endpoint) []smoke.Endpoint {
	var all []smoke.Endpoint
	for _, e := range found {
		all = append(all, smoke.Endpoint{Slot: blueprint.Slot(e.Slot), Component: e.Component, IP: e.ClusterIP})
	}
	return all
}

// urls are $BLUE_URL and $GREEN_URL: the first component's Service of each slot.
func urls(found []slot.Endpoint) map[string]string {
	env := map[string]string{}
	for _, e := range found {
		key := strings.ToUpper(e.Slot) + "_URL"
		if _, known := env[key]; !known {
			env[key] = "http://" + net.JoinHostPort(e.Slot, strconv.Itoa(int(e.Port)))
		}
	}
	return env
}

// sentinel watches the checks of the launch.
func (c *Cluster) sentinel(ctx context.Context, found *facts, rec *record.Rollout) (rollout.Sentinel, error) {
	way := c.way(ctx, found, rec.App, rec.ID)
	if c.Inside {
		way.Prometheus.Address = kpi.Inside(way.Prometheus.Address)
	}
	watch, err := kpi.NewSentinel(&late{find: func(ctx context.Context) (*kpi.Sources, error) {
		var definitions []kpi.Definition
		for _, check := range found.Checks {
			definitions = append(definitions, check.Definition)
		}
		sources, _, err := kpi.Open(ctx, way, definitions)
		return sources, err
	}}, found.Checks)
	if err != nil {
		return nil, err
	}
	for _, step := range rec.Steps {
		if step.Progress != "" && (step.Kind == plan.Hold || step.Kind == plan.Keep) {
			watch.Begun()
		}
	}
	return sentinel{watch}, nil
}

// late is a source that is found when it is first asked: a way back must not wait for one.
type late struct {
	kpi.PromQL
	find  func(context.Context) (*kpi.Sources, error)
	found *kpi.Sources
}

func (l *late) Sample(ctx context.Context, queries []string) (_ []kpi.Answer, err error) {
	if l.found == nil {
		if l.found, err = l.find(ctx); err != nil {
			return nil, err
		}
	}
	return l.found.Sample(ctx, queries)
}

// way is what the KPIs' sources are reached with, until ctx ends.
func (c *Cluster) way(ctx context.Context, found *facts, app, rollout string) kpi.Way {
	runner := &smoke.Runner{Client: c.Client, Namespace: c.Namespace, Image: found.TestImage, App: app, Rollout: rollout}
	return kpi.Way{
		Live: ctx, Client: c.Client, Namespace: c.Namespace, Prometheus: found.Prometheus,
		Command: func(ctx context.Context, place blueprint.Place, service string) (int, error) {
			limit, err := time.ParseDuration(place.Timeout)
			if err != nil {
				limit = time.Minute
			}
			test := blueprint.Test{Name: "kpi", Cmd: place.Cmd, Image: place.Image, Timeout: &blueprint.Duration{Duration: limit}}
			env := map[string]string{"SERVICE": service, "NAMESPACE": c.Namespace}
			result, err := runner.Run(ctx, test, nil, env, func(string) {})
			if result.ExitCode >= 0 {
				return int(result.ExitCode), nil // what else went wrong, such as tidying, is not the command's
			}
			return -1, err
		},
	}
}

// sentinel is pkg/kpi as the loop wants it: readings as events show them.
type sentinel struct{ *kpi.Sentinel }

func (s sentinel) Round(ctx context.Context) ([]rollout.Reading, error) {
	readings, err := s.Sentinel.Round(ctx)
	var all []rollout.Reading
	for _, r := range readings {
		f := r.Found
		all = append(all, rollout.Reading{
			Reading: event.Reading{
				Name: r.Name, Component: r.Component, Verdict: event.Verdict(r.Verdict),
				Blue: r.Blue, Green: r.Green, Threshold: r.Threshold, Reason: r.Reason,
				BlueValue: f.Blue, GreenValue: f.Green, Limit: f.Limit, Bad: f.Bad, Total: f.Total,
				Evidence: f.Evidence, Health: f.Health, Needed: f.Needed, Proven: f.Proven, Outage: f.Outage,
			},
			Ignore: r.NoData == blueprint.NoDataIgnore, Pause: r.NoData == blueprint.NoDataPause,
			Ill:  !f.GreenWell && !r.Relative,
			Open: f.Enough && f.Verdict == judge.Inconclusive,
		})
	}
	return all, err
}
