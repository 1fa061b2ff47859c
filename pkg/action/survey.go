package action

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi"
	"dro.dev/kubectl-dro/pkg/plan"
	"dro.dev/kubectl-dro/pkg/record"
	"dro.dev/kubectl-dro/pkg/slot"
	"dro.dev/kubectl-dro/pkg/traffic"
)

// survey finds out what a launch of the blueprint would do, and everything that would stop it. It only reads.
type survey struct {
	cluster    *Cluster
	blueprint  *blueprint.Blueprint
	prometheus string // as the user says; empty: as dro-config says
	standby    StandbyWish
	from       string // the phase to begin with; empty: the first

	router  *blueprint.Router // that dro-config brings
	facts   facts
	steps   []record.Step
	metrics string // where the KPIs are read, in words
	present []kpi.Present
	notes   []string
}

// begin finds out whether there is anything that a launch could not do without.
func (s *survey) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.supported(); err != nil {
		return err
	}
	if _, err := plan.Phases(s.blueprint, s.from); err != nil {
		return err
	}
	if err := s.cluster.reachable(ctx); err != nil {
		return err
	}
	return s.cluster.allowed(ctx, rolloutNeeds())
}

func (s *survey) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := s.cluster.free(ctx, s.blueprint.App); err != nil {
		return err
	}
	for _, look := range []func(context.Context) error{s.lookConfig, s.lookSlots, s.lookRouters, s.lookKPIs} {
		if err := look(ctx); err != nil {
			return err
		}
	}
	wish, err := s.lookStandby(ctx)
	if err != nil {
		return err
	}
	s.steps, err = plan.Make(s.blueprint, live(s.facts.Components, wish), s.from)
	return err
}

// supported refuses what a blueprint may say and this version can't do yet, rather than leave it out in silence.
func (s *survey) supported() error {
	if s.blueprint.Events != nil {
		return errors.New("events: is not supported yet\n  leave it out, or read the events with -o json")
	}
	return nil
}

func (s *survey) lookConfig(ctx context.Context) error {
	config, err := s.cluster.defaults(ctx)
	if err != nil {
		return err
	}
	if s.router, err = customRouter(config, s.cluster.Namespace); err != nil {
		return err
	}
	s.facts.TestImage = config[configTestImage]
	if s.facts.Prometheus, err = access(s.prometheus, s.blueprint.Prometheus, config); err != nil {
		return err
	}
	s.facts.Standby = cmp.Or(s.standby.Image, config[configImage], s.standby.Default)
	s.standby.Wish = cmp.Or(s.standby.Wish, plan.Wish(config[configStandby]), plan.Auto)
	return nil
}

func (s *survey) lookSlots(ctx context.Context) error {
	slots, err := s.cluster.slots(s.blueprint)
	if err != nil {
		return err
	}
	if s.facts.Components, err = slots.Inspect(ctx); err != nil {
		return err
	}
	for _, c := range s.facts.Components {
		for _, note := range c.Notes {
			s.notes = append(s.notes, c.Name+": "+note)
		}
		if c.Unchanged {
			s.notes = append(s.notes, fmt.Sprintf("%s runs %s already and is left alone", c.Name, c.BlueImage))
		}
	}
	return nil
}

func (s *survey) lookRouters(ctx context.Context) error {
	moving := s.facts.moving()
	if len(moving) == 0 {
		return nil
	}
	known := traffic.Rows()
	if s.router != nil {
		known = append(known, traffic.Custom(s.router))
	}
	var targets []traffic.Target
	for _, c := range moving {
		t := traffic.Target{
			Namespace: s.cluster.Namespace, Component: c.Name, Green: c.GreenService, Blue: c.BlueService,
		}
		if wanted := wantedRouter(s.blueprint, c.Name); wanted.Custom() {
			row := traffic.Custom(wanted)
			known, t.Router = append(known, row), row.Name
			if wanted.Name != "" {
				t.Router += "/" + wanted.Name
			}
		} else {
			t.Router = wanted.String()
		}
		targets = append(targets, t)
	}
	rows, err := s.cluster.installed(ctx, known)
	if err != nil {
		return err
	}
	found, err := traffic.Find(ctx, s.cluster.Dynamic, rows, targets...)
	if err != nil {
		return err
	}
	var choices []traffic.Choice
	for _, p := range s.blueprint.Phases {
		choices = append(choices, choice(p))
	}
	if s.facts.Routes, err = traffic.Choose(found, traffic.Rows(), choices); err != nil {
		return err
	}
	if slices.ContainsFunc(choices, func(c traffic.Choice) bool { return c.Sticky }) {
		if err := traffic.CanStick(ctx, s.cluster.Dynamic, found); err != nil {
			return err
		}
	}
	for _, r := range s.facts.Routes {
		for _, phase := range s.blueprint.Phases { // what a router can't do is told before anything runs
			r.Choice = choice(phase)
			if _, err := traffic.Describe(r, int(phase.Traffic)); err != nil {
				return fmt.Errorf("phase %s: %w", phase.Name, err)
			}
			if nearest := traffic.Nearest(r, int(phase.Traffic)); nearest != "" {
				s.notes = append(s.notes, fmt.Sprintf("phase %s: %s", phase.Name, nearest))
			}
		}
	}
	return s.mayWrite(ctx)
}

// mayWrite asks whether the user may do to the routes what a rollout does, in each namespace that has one.
func (s *survey) mayWrite(ctx context.Context) error {
	needs := map[string][]permission{}
	asked := map[string]bool{}
	for _, r := range s.facts.Routes {
		of := r.Row.GVR().GroupResource()
		if !asked[r.Namespace+"/"+of.String()] {
			asked[r.Namespace+"/"+of.String()] = true
			needs[r.Namespace] = append(needs[r.Namespace], permission{of, r.Row.Verbs()})
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(needs)) {
		there := *s.cluster
		there.Namespace = namespace
		if err := there.allowed(ctx, needs[namespace]); err != nil {
			return err
		}
	}
	return nil
}

func wantedRouter(bp *blueprint.Blueprint, component string) *blueprint.Router {
	for _, i := range bp.Images {
		if i.Name() == component {
			return i.Router
		}
	}
	return nil
}

// lookKPIs finds the source and green's present numbers. A component whose green has no data is not watched.
func (s *survey) lookKPIs(ctx context.Context) error {
	pairs := s.facts.pairs(s.cluster.Namespace)
	if len(s.blueprint.KPI) == 0 || len(pairs) == 0 {
		return nil
	}
	entries, err := kpi.Entries(ctx, s.cluster.Client, s.cluster.Namespace)
	if err != nil {
		return err
	}
	definitions, err := kpi.Define(s.blueprint.KPI, entries)
	if err != nil {
		return err
	}
	source, where, err := kpi.Open(ctx, s.cluster.way(ctx, &s.facts, s.blueprint.App, s.blueprint.ID), definitions)
	if err != nil {
		return err
	}
	s.metrics, s.facts.Prometheus.Address = where, cmp.Or(source.Prometheus, s.facts.Prometheus.Address) // whoever goes on need not search
	checks := kpi.Checks(definitions, pairs)
	if err := source.Warm(ctx, checks); err != nil {
		return err
	}
	if checks, err = kpi.Narrow(ctx, source, checks); err != nil {
		return err
	}
	if s.present, err = kpi.First(ctx, source, checks); err != nil {
		return err
	}
	for _, p := range s.present {
		if p.NoData != "" {
			s.notes = append(s.notes, fmt.Sprintf("%s is not watched for %s: %s", p.Check.Name, p.Check.Green.Component, p.NoData))
			continue
		}
		s.facts.Checks = append(s.facts.Checks, p.Check)
	}
	return nil
}

// StandbyWish is what a user wants of a standby.
type StandbyWish struct {
	Wish    plan.Wish // empty: as dro-config says, else auto
	Image   string    // empty: as dro-config says, else Default
	Default string    // the image of this very program
}

// lookStandby says whether there will be a standby: one that nobody may place is left out, with a word.
func (s *survey) lookStandby(ctx context.Context) (plan.Wish, error) {
	wish := s.standby.Wish
	if !slices.Contains(plan.Wishes(), wish) {
		return "", fmt.Errorf("standby %q: there are %v", wish, plan.Wishes())
	}
	if wish == plan.Off || len(s.facts.moving()) == 0 {
		return plan.Off, nil
	}
	err := s.cluster.allowed(ctx, standbyNeeds())
	if err != nil && wish == plan.Auto {
		s.notes = append(s.notes, "there will be no standby: "+err.Error())
		return plan.Off, nil
	}
	return wish, err
}

// record is the rollout's first record.
func (s *survey) record(now time.Time) (*record.Rollout, error) {
	bp, err := json.Marshal(s.blueprint)
	if err != nil {
		return nil, fmt.Errorf("encode the blueprint: %w", err)
	}
	// By the time, as people may still have the cookie of an earlier rollout of the same name.
	session := s.blueprint.App + "-" + strconv.FormatInt(now.Unix(), 36)
	for i := range s.facts.Routes {
		s.facts.Routes[i].Session = session
	}
	found, err := json.Marshal(s.facts)
	if err != nil {
		return nil, fmt.Errorf("encode what was found: %w", err)
	}
	return &record.Rollout{
		ID: s.blueprint.ID, App: s.blueprint.App, Namespace: s.cluster.Namespace,
		State: record.Preparing, Started: now, Ask: s.blueprint.Rollback == blueprint.RollbackManual,
		Components: s.components(), Steps: s.steps, Blueprint: bp, Facts: found,
	}, nil
}

func (s *survey) components() []record.Component {
	var all []record.Component
	for _, c := range s.facts.Components {
		green := c.GreenImage
		if c.First {
			green = "" // what green will be is the new image
		}
		all = append(all, record.Component{Name: c.Name, Green: green, Blue: c.BlueImage})
	}
	return all
}

// proposal is the survey as a user reads it.
func (s *survey) proposal() (*plan.Proposal, error) {
	p := &plan.Proposal{
		Rollout: s.blueprint.ID, App: s.blueprint.App, Namespace: s.cluster.Namespace,
		Components: s.components(), Steps: s.steps, Metrics: s.metrics, Notes: s.notes,
	}
	phases, err := plan.Phases(s.blueprint, s.from)
	if err != nil {
		return nil, err
	}
	for _, r := range s.facts.Routes {
		r.Choice = choice(phases[0])
		changes, err := traffic.Describe(r, int(phases[0].Traffic))
		if err != nil {
			return nil, err
		}
		p.Routes = append(p.Routes, plan.Route{Object: r.String(), Changes: changes, GitOps: traffic.GitOps(r)})
	}
	sights, warnings := sights(s.blueprint.Phases, s.present)
	p.Sights, p.Notes = sights, append(p.Notes, warnings...)
	for _, k := range s.present {
		p.KPIs = append(p.KPIs, plan.KPI{
			Name: k.Check.Name, Component: k.Check.Green.Component, Green: k.Value,
			Threshold: k.Check.Rule.Threshold.String(), Note: k.Note,
		})
	}
	return p, nil
}

func live(components []slot.Component, standby plan.Wish) plan.Live {
	l := plan.Live{Standby: standby}
	for _, r := range slot.Releases(components) {
		l.Releases = append(l.Releases, plan.Release{Name: r.Name, Components: r.Names(), First: r.First})
	}
	return l
}
