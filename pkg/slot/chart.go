package slot

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/registry"
	"helm.sh/helm/v3/pkg/strvals"
	"k8s.io/apimachinery/pkg/runtime"
)

//go:embed all:chart
var embedded embed.FS

// embeddedChart is the built-in chart.
func embeddedChart() (*chart.Chart, error) {
	var files []*loader.BufferedFile
	err := fs.WalkDir(embedded, "chart", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := embedded.ReadFile(path)
		files = append(files, &loader.BufferedFile{Name: strings.TrimPrefix(path, "chart/"), Data: data})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the built-in chart: %w", err)
	}
	return loader.LoadFiles(files)
}

// chartOf wraps objects in a chart.
func chartOf(name string, objects []object) (*chart.Chart, error) {
	data, err := writeObjects(objects)
	if err != nil {
		return nil, err
	}
	return &chart.Chart{
		Metadata: &chart.Metadata{
			APIVersion: chart.APIVersionV2, Name: name, Version: "1.0.0", Type: "application",
			Description: "A copy of " + name + " as it runs.",
		},
		// The objects are a file and not a template: braces in them are the user's.
		Files:     []*chart.File{{Name: "objects.yaml", Data: data}},
		Templates: []*chart.File{{Name: "templates/objects.yaml", Data: []byte(`{{ .Files.Get "objects.yaml" }}`)}},
	}, nil
}

// loadChart gets the chart that a blueprint names.
func loadChart(c blueprint.Component) (*chart.Chart, error) {
	settings := cli.New()
	client, err := registry.NewClient(
		registry.ClientOptCredentialsFile(settings.RegistryConfig), registry.ClientOptWriter(io.Discard))
	if err != nil {
		return nil, fmt.Errorf("ready the registry client: %w", err)
	}
	install := action.NewInstall(&action.Configuration{RegistryClient: client})
	install.Version = c.Version
	path, err := install.LocateChart(c.Chart, settings)
	if err != nil {
		return nil, fmt.Errorf("%s: chart %s: %w\n"+
			"  chart: takes a directory, an archive, an oci:// address or repository/name as helm does", c.Name(), c.Chart, err)
	}
	ch, err := loader.Load(path)
	if err != nil {
		return nil, fmt.Errorf("%s: chart %s: %w", c.Name(), c.Chart, err)
	}
	if err := action.CheckDependencies(ch, ch.Metadata.Dependencies); err != nil {
		return nil, fmt.Errorf("%s: chart %s: %w\n  run helm dependency build %s", c.Name(), c.Chart, err, c.Chart)
	}
	return ch, nil
}

// valuesFor are a chart's values for a new version: the base, the component's own over it, and the image.
func valuesFor(c blueprint.Component, ch *chart.Chart, base map[string]any, green string, want image) (map[string]any, error) {
	vals := merged(c.Values, base)
	for _, set := range c.Set {
		if err := strvals.ParseInto(set, vals); err != nil {
			return nil, fmt.Errorf("%s: set %s: %w", c.Name(), set, err)
		}
	}
	if want.tag == "" {
		return nil, fmt.Errorf("%s: a chart takes a tag, and only a digest is given\n"+
			"  add tag: beside digest:, the chart gets tag@digest", c.Name())
	}
	all, err := chartutil.CoalesceValues(ch, vals)
	if err != nil {
		return nil, fmt.Errorf("%s: values: %w", c.Name(), err)
	}
	path := tagPath(c)
	value := want.version()
	if now, _ := at(all, path).(string); now != "" && (now == green || parseImage(now).repository == want.repository) {
		value = want.String() // the chart takes the whole reference there
	}
	if err := put(vals, path, value); err != nil {
		return nil, fmt.Errorf("%s: tagValue %s: %w", c.Name(), strings.Join(path, "."), err)
	}
	// Another repository than green's goes beside the tag, if that is where the chart has it. That it arrived is
	// checked in the result.
	beside := append(path[:len(path)-1:len(path)-1], "repository")
	if _, has := at(all, beside).(string); has && c.Image != "" && parseImage(green).repository != want.repository {
		if err := put(vals, beside, want.repository); err != nil {
			return nil, fmt.Errorf("%s: image: %w", c.Name(), err)
		}
	}
	return vals, nil
}

// tagPath is where the chart takes the tag.
func tagPath(c blueprint.Component) []string {
	return strings.Split(cmp.Or(c.TagValue, "image.tag"), ".")
}

// merged is over laid on base; neither is changed.
func merged(over, base map[string]any) map[string]any {
	top := runtime.DeepCopyJSON(over)
	if top == nil {
		top = map[string]any{}
	}
	return chartutil.CoalesceTables(top, runtime.DeepCopyJSON(base))
}

// at is the value at a path, nil when there is none.
func at(values map[string]any, path []string) any {
	var v any = values
	for _, step := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[step]
	}
	return v
}

// put sets the value at a path and makes the maps on the way.
func put(values map[string]any, path []string, value string) error {
	for i, step := range path[:len(path)-1] {
		if values[step] == nil {
			values[step] = map[string]any{}
		}
		next, ok := values[step].(map[string]any)
		if !ok {
			return fmt.Errorf("%s is not a map", strings.Join(path[:i+1], "."))
		}
		values = next
	}
	values[path[len(path)-1]] = value
	return nil
}
