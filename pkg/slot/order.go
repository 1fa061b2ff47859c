package slot

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// order is one Helm release to be made: from which chart, with which values, and what becomes of the result. It is
// Helm's post-renderer for it.
type order struct {
	release Release
	chart   *chart.Chart
	values  map[string]any
	hooks   bool
	recipe  recipe
	made    copied // once rendered
	refused error  // why it could not be made; Helm says it less plainly
}

// order works out how a release is made.
func (s *Slots) order(h helm, w world, r Release, configs []config) (*order, error) {
	o := &order{release: r, hooks: r.First || s.bp.Hooks}
	o.recipe = recipe{
		namespace: s.namespace, marks: s.marks("blue"), taken: map[string]bool{}, parts: r.Components,
		services: map[string]*corev1.Service{}, configs: configs, versions: map[string]string{},
	}
	var err error
	if o.chart, o.values, err = s.material(h, w, r); err != nil {
		return nil, err
	}
	if o.recipe.foreign, err = w.foreign(); err != nil {
		return nil, err
	}
	for _, c := range r.Components {
		if want, err := wanted(s.entry(c.Name), ""); err == nil {
			o.recipe.versions[c.Name] = want.version()
		}
		o.recipe.taken[c.GreenWorkload], o.recipe.taken["Service/"+c.GreenService] = true, true
		for i := range w.services {
			if c.GreenService != "" && w.services[i].Name == c.GreenService {
				o.recipe.services[c.Name] = &w.services[i]
			}
		}
	}
	if name := r.Components[0].GreenRelease; name != "" && !r.First {
		green, err := s.green(h, name)
		if err != nil {
			return nil, err
		}
		objects, err := readObjects([]byte(green.Manifest))
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			o.recipe.taken[id(object)] = true
		}
	}
	return o, nil
}

// marks are the labels of what the rollout makes.
func (s *Slots) marks(slot string) map[string]string {
	return map[string]string{labelApp: s.bp.App, labelRollout: s.bp.ID, labelSlot: slot}
}

// green is the revision of green's release that is in force.
func (s *Slots) green(h helm, name string) (*release.Release, error) {
	rel, err := h.deployed(name)
	if err == nil && rel == nil {
		err = fmt.Errorf("helm release %s/%s has no deployed revision\n  see helm history %s -n %s", s.namespace, name, name, s.namespace)
	}
	return rel, err
}

// material is the chart and the values that a release is made from.
func (s *Slots) material(h helm, w world, r Release) (*chart.Chart, map[string]any, error) {
	first := r.Components[0]
	var base map[string]any
	var green *release.Release
	if first.GreenRelease != "" && !r.First {
		var err error
		if green, err = s.green(h, first.GreenRelease); err != nil {
			return nil, nil, err
		}
		base = green.Config
	}
	var ch *chart.Chart
	var err error
	switch named := s.charts(r); {
	case len(named) > 1:
		return nil, nil, fmt.Errorf("%s and %s live in one helm release, but name different charts\n"+
			"  give both the same chart: and version:", named[0].Name(), named[1].Name())
	case len(named) == 1:
		ch, err = loadChart(named[0])
		if err == nil && green != nil && green.Chart.Name() != ch.Name() {
			base = nil // values of another chart mean nothing to this one
		}
	case first.Source == FromWorkload:
		ch, err = s.copyOf(w, first)
		return ch, nil, err
	case first.Source == FromEmbedded:
		ch, err = embeddedChart()
		base = s.embeddedValues(first)
	default:
		ch = green.Chart
	}
	if err != nil {
		return nil, nil, err
	}
	for _, c := range r.Components {
		want := parseImage(c.BlueImage)
		from := s.entry(c.Name)
		if c.BlueImage == "" { // a first launch of a chart that knows its repository
			if want, err = wanted(from, ""); err != nil {
				return nil, nil, err
			}
		}
		if base, err = valuesFor(from, ch, base, c.GreenImage, want); err != nil {
			return nil, nil, err
		}
	}
	return ch, base, nil
}

// charts are the components of a release that name a chart, one for each chart named.
func (s *Slots) charts(r Release) []blueprint.Component {
	var named []blueprint.Component
	for _, c := range r.Components {
		from := s.entry(c.Name)
		same := func(o blueprint.Component) bool { return o.Chart == from.Chart && o.Version == from.Version }
		if from.Chart != "" && !slices.ContainsFunc(named, same) {
			named = append(named, from)
		}
	}
	return named
}

// entry is the blueprint's entry of a component.
func (s *Slots) entry(name string) blueprint.Component {
	i := slices.IndexFunc(s.bp.Images, func(c blueprint.Component) bool { return c.Name() == name })
	return s.bp.Images[i] // the components come from the same blueprint
}

func (s *Slots) embeddedValues(c Component) map[string]any {
	from := s.entry(c.Name)
	values := map[string]any{
		"image":    map[string]any{"repository": parseImage(c.BlueImage).repository},
		"replicas": int64(c.Replicas),
	}
	if from.Service != "" {
		values["service"] = from.Service
	}
	if from.Port != 0 {
		values["port"] = int64(from.Port)
	}
	return values
}

// copyOf is a chart of a plain workload as it runs, with the new image.
func (s *Slots) copyOf(w world, c Component) (*chart.Chart, error) {
	i := slices.IndexFunc(w.workloads, func(own workload) bool { return own.id() == c.GreenWorkload })
	if i < 0 {
		return nil, fmt.Errorf("%s: %s, which was green at the launch, is gone", c.Name, c.GreenWorkload)
	}
	o, err := w.workloads[i].copy(c)
	if err != nil {
		return nil, err
	}
	return chartOf(w.workloads[i].Name, []object{o})
}

// copy is the workload as it would be written by hand, with the component's new image.
func (w workload) copy(c Component) (object, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(w.object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.id(), err)
	}
	o := newObject("apps/v1", w.kind, w.Name)
	o.Object["spec"] = content["spec"]
	o.SetLabels(w.selector.MatchLabels)
	delete(content["spec"].(map[string]any), "paused")
	each(o.Object, "spec.template.metadata", func(m map[string]any, key string) {
		meta, _ := m[key].(map[string]any)
		kept := map[string]any{"labels": meta["labels"]}
		if own := ownAnnotations(w.template.Annotations); len(own) > 0 {
			notes := map[string]any{}
			for k, v := range own {
				notes[k] = v
			}
			kept["annotations"] = notes
		}
		m[key] = kept
	})
	each(o.Object, "spec.template.spec.containers.*.name", func(m map[string]any, key string) {
		if m[key] == c.Container {
			m["image"] = c.BlueImage
		}
	})
	return o, nil
}

// install is the Helm action that makes the release.
func (o *order) install(h helm, namespace string, timeout time.Duration) *action.Install {
	install := action.NewInstall(h.Configuration)
	install.ReleaseName, install.Namespace, install.Timeout = o.release.Name, namespace, timeout
	install.SkipCRDs, install.DisableHooks = !o.release.First, !o.hooks
	install.DisableOpenAPIValidation = true // the API server validates
	install.PostRenderer = o
	install.Labels = map[string]string{labelRollout: o.recipe.marks[labelRollout], labelApp: o.recipe.marks[labelApp]}
	install.Description = "kubectl dro: rollout " + o.recipe.marks[labelRollout]
	return install
}

// run makes the release, or shows what it would be.
func (o *order) run(install *action.Install, log *journal) (*release.Release, error) {
	rel, err := install.Run(o.chart, o.values)
	switch {
	case o.refused != nil:
		return nil, o.refused
	case err != nil:
		return nil, collision(log.explain(err))
	}
	return rel, nil
}

// Run is the post-renderer.
func (o *order) Run(rendered *bytes.Buffer) (*bytes.Buffer, error) {
	made, err := o.change(rendered)
	o.refused = err
	return made, err
}

func (o *order) change(rendered *bytes.Buffer) (*bytes.Buffer, error) {
	objects, err := readObjects(rendered.Bytes())
	if err != nil {
		return nil, err
	}
	if o.release.First {
		o.made, err = o.recipe.found(objects)
		return rendered, err
	}
	if o.made, err = o.recipe.make(objects); err != nil {
		return nil, err
	}
	data, err := writeObjects(o.made.objects)
	return bytes.NewBuffer(data), err
}

// found is what there is to know of a green that is installed for the first time; its objects stay as they are.
func (r recipe) found(objects []object) (copied, error) {
	c := copied{objects: objects}
	for _, part := range r.parts {
		if part.BlueImage == "" {
			ref, err := rendered(objects, part.Name, r.versions[part.Name])
			if err != nil {
				return c, err
			}
			part.BlueImage = ref
		}
		if err := c.addPart(part, nil); err != nil {
			return c, err
		}
		last := &c.parts[len(c.parts)-1]
		last.GreenWorkload, last.GreenService, last.GreenPods = last.BlueWorkload, last.BlueService, last.BluePods
		last.Replicas = replicasOf(objects, last.BlueWorkload)
		last.BlueWorkload, last.BlueService, last.BluePods = "", "", ""
	}
	for _, config := range r.configs {
		var err error
		if config.kind, err = config.wanted(objects); err != nil {
			return c, err
		}
		if config.kind != "" {
			c.configs = append(c.configs, config)
		}
	}
	return c, nil
}

// rendered finds the image of a version among rendered objects.
func rendered(objects []object, component, version string) (string, error) {
	var all, fit []string
	for _, o := range objects {
		if !isWorkload(o) {
			continue
		}
		t, err := template(o)
		if err != nil {
			return "", err
		}
		for _, c := range containers(t) {
			all = append(all, c.Image)
			if i := parseImage(c.Image); i.version() == version && (i.base() == component || !slices.Contains(fit, c.Image)) {
				fit = append(fit, c.Image)
			}
		}
	}
	for _, ref := range fit {
		if len(fit) == 1 || parseImage(ref).base() == component {
			return ref, nil
		}
	}
	return "", fmt.Errorf("%s: can't tell its image among what the chart makes: %s\n"+
		"  set tagValue: to the path where the chart takes the tag, or image: to the repository", component, list(all))
}
