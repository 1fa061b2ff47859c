package slot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Inspect finds green and works out what blue will be. It changes nothing in the cluster.
func (s *Slots) Inspect(ctx context.Context) ([]Component, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	h, err := s.helm(ctx)
	if err != nil {
		return nil, err
	}
	w, err := look(ctx, s.client, s.namespace, s.bp.ID)
	if err != nil {
		return nil, err
	}
	configs, err := s.configs(ctx)
	if err != nil {
		return nil, err
	}
	var components []Component
	for _, c := range s.bp.Images {
		found, err := s.component(h, w, c)
		if err != nil {
			return nil, err
		}
		components = append(components, found)
	}
	nameReleases(components)
	unused := map[string]bool{}
	for _, c := range configs {
		unused[c.name] = true
	}
	for _, r := range Releases(components) {
		used, err := s.preview(ctx, h, w, r, configs)
		if err != nil {
			return nil, fmt.Errorf("helm release %s/%s: %w", s.namespace, r.Name, err)
		}
		for _, c := range used {
			delete(unused, c.name)
		}
		for _, c := range r.Components {
			components[slices.IndexFunc(components, func(o Component) bool { return o.Name == c.Name })] = c
		}
	}
	for _, c := range configs {
		if unused[c.name] && len(Releases(components)) > 0 {
			return nil, fmt.Errorf("config %s: no workload of a component that changes refers to a ConfigMap or Secret of that name", c.name)
		}
	}
	return components, nil
}

// component says what one component's green is, and its new image.
func (s *Slots) component(h helm, w world, c blueprint.Component) (Component, error) {
	g, exists, err := w.green(c)
	if err != nil {
		return Component{}, err
	}
	if !exists {
		return s.first(h, c)
	}
	found := Component{
		Name: c.Name(), Source: FromWorkload, GreenWorkload: g.workload.id(), Replicas: g.workload.replicas,
		GreenPods: podNames(g.workload.kind, g.workload.Name),
	}
	if g.service != nil {
		found.GreenService = g.service.Name
	}
	if err := found.image(c, g); err != nil {
		return found, err
	}
	if found.Unchanged {
		return found, nil
	}
	if found.GreenRelease = g.workload.release(s.namespace); found.GreenRelease != "" {
		if err := s.owned(h, &found); err != nil {
			return found, err
		}
	}
	if c.Chart != "" {
		found.Source = FromChart
	}
	if c.Replicas != nil {
		found.Replicas = *c.Replicas
	}
	if found.Replicas == 0 {
		return found, fmt.Errorf("%s: %s has no pods to compare with: it is scaled to 0\n  scale it up, or set replicas:",
			c.Name(), found.GreenWorkload)
	}
	return found, nil
}

// image works out the component's new image from green's.
func (c *Component) image(from blueprint.Component, g green) error {
	own := g.workload.template.Spec.Containers
	var ports []corev1.ServicePort
	if g.service != nil {
		ports = g.service.Spec.Ports
	}
	taker, err := container(from.Name(), own, ports)
	if err != nil {
		return fmt.Errorf("%s: %w", c.GreenWorkload, err)
	}
	want, err := wanted(from, taker.Image)
	if err != nil {
		return err
	}
	c.Container, c.GreenImage, c.BlueImage = taker.Name, taker.Image, want.String()
	c.Unchanged = c.GreenImage == c.BlueImage
	return nil
}

// owned settles what it means that Helm's annotations say a release made green.
func (s *Slots) owned(h helm, c *Component) error {
	rel, err := h.last(c.GreenRelease)
	switch {
	case err != nil:
		return err
	case rel == nil:
		c.Notes = append(c.Notes, fmt.Sprintf("%s says it is of helm release %s, which Helm does not know: taken as a plain workload",
			c.GreenWorkload, c.GreenRelease))
		c.GreenRelease = ""
	case rel.Info.Status.IsPending():
		return fmt.Errorf("%s: helm release %s/%s is in %s: another operation is under way, or was cut short\n"+
			"  let it end, or undo it with helm rollback %s -n %s", c.Name, s.namespace, rel.Name, rel.Info.Status, rel.Name, s.namespace)
	default:
		c.Source = FromRelease
	}
	return nil
}

// first is a component that has no green yet.
func (s *Slots) first(h helm, c blueprint.Component) (Component, error) {
	found := Component{Name: c.Name(), Source: FromEmbedded, First: true, GreenRelease: c.Name(), Replicas: 1}
	if c.Replicas != nil {
		found.Replicas = *c.Replicas
	}
	if c.Chart != "" {
		found.Source = FromChart
	} else if c.Image == "" {
		return found, fmt.Errorf("%s: there is no green yet (no Service or workload called %s in %s), and no image is given\n"+
			"  is this the right namespace? for a first launch set image: to the repository, or chart:",
			c.Name(), cmp.Or(c.Service, c.Name()), s.namespace)
	}
	if len(found.GreenRelease) > longestRelease {
		return found, fmt.Errorf("%s: is too long for the name of a helm release (at most %d)", c.Name(), longestRelease)
	}
	rel, err := h.last(found.GreenRelease)
	if err != nil {
		return found, err
	}
	if rel != nil && !s.ours(rel) {
		return found, fmt.Errorf("%s: helm release %s/%s exists, but no Service or workload called %s does\n"+
			"  set service: to the name of green's Service", c.Name(), s.namespace, rel.Name, c.Name())
	}
	if want, err := wanted(c, ""); err != nil {
		return found, err
	} else if c.Image != "" {
		found.BlueImage = want.String()
	}
	return found, nil
}

// ours says whether a release was made by this rollout.
func (s *Slots) ours(rel *release.Release) bool { return rel.Labels[labelRollout] == s.bp.ID }

// nameReleases gives every component that changes the release its blue lives in. Components that live in one green
// release share one.
func nameReleases(components []Component) {
	sharing := map[string]int{}
	for _, c := range components {
		if !c.First && !c.Unchanged && c.GreenRelease != "" {
			sharing[c.GreenRelease]++
		}
	}
	for i := range components {
		c := &components[i]
		switch {
		case c.First || c.Unchanged:
		case sharing[c.GreenRelease] > 1:
			c.BlueRelease = blueName(c.GreenRelease, longestRelease)
		default:
			c.BlueRelease = blueName(c.Name, longestRelease)
		}
	}
}

// preview renders a release as it will be made, and completes its components. It returns the configs that are used.
func (s *Slots) preview(ctx context.Context, h helm, w world, r Release, configs []config) ([]config, error) {
	rel, err := h.last(r.Name)
	if err != nil {
		return nil, err
	}
	if rel != nil && !s.ours(rel) {
		return nil, fmt.Errorf("exists and is not of this rollout (%s)\n  if nothing uses it: helm uninstall %s -n %s",
			rel.Info.Description, r.Name, s.namespace)
	}
	for i := range r.Components {
		if len(s.charts(r)) > 0 {
			r.Components[i].Source = FromChart // one chart for all that live in the release
		}
	}
	made, err := s.render(h, w, r, configs)
	if err != nil {
		return nil, err
	}
	for i := range r.Components {
		part := made.parts[i]
		part.Notes = append(part.Notes, made.notes...)
		if !r.First {
			uncovered, err := s.uncovered(ctx, w, part, made.objects)
			if err != nil {
				return nil, err
			}
			part.Notes = append(part.Notes, uncovered...)
		}
		r.Components[i] = part
	}
	return made.configs, nil
}

// render is what installing a release will make, without making it.
func (s *Slots) render(h helm, w world, r Release, configs []config) (copied, error) {
	o, err := s.order(h, w, r, configs)
	if err != nil {
		return copied{}, err
	}
	if r.Components[0].Source == FromRelease {
		if err := s.reproducible(h, r.Components[0]); err != nil {
			return copied{}, err
		}
	}
	install := o.install(h, s.namespace, s.Timeout)
	install.DryRun, install.DryRunOption = true, "server"
	rel, err := o.run(install, h.log)
	if err != nil {
		return copied{}, err
	}
	made := o.made
	for _, hook := range rel.Hooks {
		skipped := slices.ContainsFunc(hook.Events, func(e release.HookEvent) bool {
			return e == release.HookPreInstall || e == release.HookPostInstall
		})
		if skipped && !r.First && !s.bp.Hooks {
			made.notes = append(made.notes, fmt.Sprintf("install hook not run for blue: %s/%s (hooks: true runs it)", hook.Kind, hook.Name))
		}
	}
	return made, hooksApart(rel.Hooks, o.recipe.foreign)
}

// reproducible checks that green's chart and values, as Helm kept them, still make what green is. They don't where the
// chart had subcharts, which Helm does not keep, or a post-renderer was at work.
func (s *Slots) reproducible(h helm, c Component) error {
	green, err := s.green(h, c.GreenRelease)
	if err != nil {
		return err
	}
	again := action.NewUpgrade(h.Configuration)
	again.Namespace, again.DryRun, again.DryRunOption, again.ResetValues = s.namespace, true, "server", true
	again.DisableOpenAPIValidation = true
	advice := fmt.Errorf("helm release %s/%s can't be made again from what Helm kept of it\n"+
		"  Helm keeps no subcharts and no post-renderer; give the component chart: (and version:, values:)", s.namespace, green.Name)
	made, err := again.Run(green.Name, green.Chart, runtime.DeepCopyJSON(green.Config))
	if err != nil {
		return fmt.Errorf("%w: %w", advice, err)
	}
	now, err := readObjects([]byte(made.Manifest))
	if err != nil {
		return err
	}
	before, err := readObjects([]byte(green.Manifest))
	if err != nil {
		return err
	}
	for _, o := range before {
		if !slices.ContainsFunc(now, func(n object) bool { return id(n) == id(o) }) {
			return fmt.Errorf("%w\n  %s would be missing", advice, id(o))
		}
	}
	return nil
}

// collision says what Helm means when an object is there already.
func collision(err error) error {
	what, _, found := strings.Cut(err.Error(), " exists and cannot be imported into the current release")
	if !found {
		return err
	}
	if i := strings.LastIndex(what, ": "); i >= 0 {
		what = what[i+2:]
	}
	return errors.New("the name of " + what + " is taken by an object that is not part of this rollout\n" +
		"  delete or rename it, if nothing needs it")
}
