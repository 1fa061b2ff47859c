package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

	facts   facts
	steps   []record.Step
	metrics string // where the KPIs are read, in words
	present []kpi.Present
	notes   []string
}

func (s *survey) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := s.supported(); err != nil {
		return err
	}
	if err := s.cluster.reachable(ctx); err != nil {
		return err
	}
	if err := s.cluster.allowed(ctx, rolloutNeeds()); err != nil {
		return err
	}
	if err := s.cluster.free(ctx, s.blueprint.App); err != nil {
		return err
	}
	for _, look := range []func(context.Context) error{s.lookConfig, s.lookSlots, s.lookRouters, s.lookKPIs} {
		if err := look(ctx); err != nil {
			return err
		}
	}
	s.steps = plan.Make(s.blueprint, live(s.facts.Components))
	return nil
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
	s.facts.TestImage, s.facts.Prometheus = config[configTestImage], config[configPrometheus]
	if s.prometheus != "" {
		s.facts.Prometheus = s.prometheus
	}
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
	var needs []permission
	for _, row := range traffic.Rows() {
		needs = append(needs, permission{row.GVR().GroupResource(), traffic.Verbs()})
	}
	if err := s.cluster.allowed(ctx, needs); err != nil {
		return err
	}
	for _, c := range moving {
		routes, err := traffic.Find(ctx, s.cluster.Dynamic, traffic.Rows(), traffic.Target{
			Namespace: s.cluster.Namespace, Component: c.Name,
			Green: c.GreenService, Blue: c.BlueService, Router: wantedRouter(s.blueprint, c.Name),
		})
		if err != nil {
			return err
		}
		s.facts.Routes = append(s.facts.Routes, routes...)
	}
	return nil
}

func wantedRouter(bp *blueprint.Blueprint, component string) string {
	for _, i := range bp.Images {
		if i.Name() == component {
			return i.Router
		}
	}
	return ""
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
	source, where, err := kpi.FindPrometheus(ctx, s.cluster.Client, s.facts.Prometheus)
	if err != nil {
		return err
	}
	s.metrics = where
	if s.present, err = kpi.First(ctx, source, kpi.Checks(definitions, pairs)); err != nil {
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

// record is the rollout's first record.
func (s *survey) record(now time.Time) (*record.Rollout, error) {
	bp, err := json.Marshal(s.blueprint)
	if err != nil {
		return nil, fmt.Errorf("encode the blueprint: %w", err)
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
	for _, r := range s.facts.Routes {
		changes, err := traffic.Describe(r, int(s.blueprint.Phases[0].Traffic))
		if err != nil {
			return nil, err
		}
		p.Routes = append(p.Routes, plan.Route{Object: r.String(), Changes: changes})
	}
	for _, k := range s.present {
		p.KPIs = append(p.KPIs, plan.KPI{
			Name: k.Check.Name, Component: k.Check.Green.Component, Green: k.Value,
			Threshold: k.Check.Rule.Threshold.String(), Note: k.Note,
		})
	}
	return p, nil
}

func live(components []slot.Component) plan.Live {
	var l plan.Live
	for _, r := range slot.Releases(components) {
		l.Releases = append(l.Releases, plan.Release{Name: r.Name, Components: r.Names(), First: r.First})
	}
	return l
}
