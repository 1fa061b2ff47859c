package blueprint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

const seed = "../../testdata/foodsvc_v2.yaml"

func TestSeedExample(t *testing.T) {
	got, warnings, err := Load(seed)
	if err != nil {
		t.Fatal(err)
	}
	component := func(c Component) Component {
		c.Tag, c.TagValue, c.Port, c.Service = "2.0.0", "image.tag", 8080, c.Name()
		return c
	}
	phase := func(name string, traffic Percent) Phase {
		return Phase{Name: name, Traffic: traffic, Hold: &Duration{30 * time.Second}, Gate: GateAuto, Advance: AdvanceHold}
	}
	want := &Blueprint{
		ID: "foodsvc-v2", App: "foodsvc",
		Images: []Component{component(Component{Svc: "hms-svc-food"}), component(Component{MFE: "food-delivery"})},
		Tests: []Test{{
			Name: "smoke", Cmd: "curl -f http://blue.food-svc/healthz",
			Timeout: &Duration{time.Minute}, Before: "canary", Target: Blue,
		}},
		KPI: map[string]KPI{
			"error_rate":  {Threshold: Threshold{Op: "<", Value: 0.005, Unit: "%"}, NoData: NoDataRollback, For: 2},
			"pay_success": {Threshold: Threshold{Op: ">", Value: 0.98, Unit: "%"}, NoData: NoDataRollback, For: 2},
		},
		Phases:   []Phase{phase("canary", 1), phase("ramp-up", 50), phase("full", 100)},
		Rollback: RollbackAuto, OnSilence: SilenceRollback, Keep: &Duration{15 * time.Minute},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", jsonOf(t, got), jsonOf(t, want))
	}
	var lines []string
	for _, w := range warnings {
		lines = append(lines, w.String())
	}
	equal(t, strings.Join(lines, "\n"), seed+`:3:26: images: two keys on one line is not YAML, read as meant; write
  - svc: hms-svc-food
    tag: "2.0.0"
`+seed+`:4:26: images: two keys on one line is not YAML, read as meant; write
  - mfe: food-delivery
    tag: "2.0.0"`)
}

func TestProperYAMLGivesNoWarning(t *testing.T) {
	b, warnings, err := Load("../../testdata/foodsvc_v2.1.yaml")
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	if b.App != "foodsvc" || b.Keep.Duration != 10*time.Second || b.Phases[2].Hold.Duration != 10*time.Second {
		t.Errorf("got %s", jsonOf(t, b))
	}
}

func TestShortAndLongFormsMeanTheSame(t *testing.T) {
	short := parsed(t, "id: food-v2\nimages: [{svc: food, tag: '2'}]\nkpi: {error_rate: < 0.5%}\nphases: [{name: full, traffic: 100%, hold: 1m30s}]\n")
	long := parsed(t, "id: food-v2\nimages: [{svc: food, tag: '2'}]\nkpi: {error_rate: {threshold: < 0.5%}}\nphases: [{name: full, traffic: 100, hold: 90s}]\n")
	equal(t, jsonOf(t, short), jsonOf(t, long))
}

func TestAnchors(t *testing.T) {
	b := parsed(t, `
id: food-v2
images: [{svc: food, tag: "2"}]
tests:
  - {name: smoke, cmd: &cmd "true", env: &env {A: "1"}}
  - {name: again, cmd: *cmd, env: *env}
phases: [{name: full, traffic: 100%}]
`)
	if got := b.Tests[1]; got.Name != "again" || got.Cmd != "true" || got.Env["A"] != "1" {
		t.Errorf("got %+v", got)
	}
}

func TestValuesKeepTheirNumbers(t *testing.T) {
	b := parsed(t, `
id: food-v2
images: [{svc: food, tag: "2", values: {account: 12345678901, ratio: 0.5, list: [1, {deep: 9007199254740993}], gone: null}}]
phases: [{name: full, traffic: 100%}]
`)
	want := Values{"account": int64(12345678901), "ratio": 0.5, "gone": nil,
		"list": []any{int64(1), map[string]any{"deep": int64(9007199254740993)}}}
	if got := b.Images[0].Values; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTwoKeysOnALine(t *testing.T) {
	const head, tail = "id: food-v2\n", "phases: [{name: full, traffic: 100%}]\n"
	for name, tc := range map[string]struct {
		text string
		want string // the images, or the error
	}{
		"the item goes on":             {"images:\n  - svc: a    tag: \"2\"\n    port: 80\n", "a:2:80"},
		"in the first column":          {"images:\n- svc: a  tag: b\n", "a:b:8080"},
		"with comments":                {"images:   # new\n  # one\n  - svc: a    tag: \"2\"  # two\n", "a:2:8080"},
		"Windows line ends":            {"images:\r\n  - svc: a    tag: \"2\"\r\n", "a:2:8080"},
		"one blank is not enough":      {"images:\n  - svc: a tag: b\n", "b.yaml:3:3: is not YAML: mapping values are not allowed in this context"},
		"three keys":                   {"images:\n  - svc: a    tag: b    port: 80\n", "b.yaml:3:3: is not YAML: mapping values are not allowed in this context"},
		"not under images":             {"tests:\n  - name: a    cmd: b\n", "b.yaml:3:3: is not YAML: mapping values are not allowed in this context"},
		"YAML that is fine stays":      {"images:\n  - svc: a\n    tag: \"2\"\n    values: {text: \"- svc: x    tag: y\"}\n", "a:2:8080"},
		"second key is wrong":          {"images:\n  - svc: a    tga: b\n", "b.yaml:3:15: images[0].tga: unknown key \"tga\"; did you mean \"tag\"?"},
		"later lines keep their place": {"images:\n  - svc: a    tag: b\n  - svc: b    tag: b\n    prot: 1\n", "b.yaml:5:5: images[1].prot: unknown key \"prot\"; did you mean \"port\"?"},
		"later line is not YAML":       {"images:\n  - svc: a    tag: b\nkeep: 1: 2\n", "b.yaml:4:1: is not YAML: mapping values are not allowed in this context"},
	} {
		t.Run(name, func(t *testing.T) {
			b, _, err := parse("b.yaml", []byte(head+tc.text+tail), fstest.MapFS{})
			if err != nil {
				equal(t, err.Error(), tc.want)
				return
			}
			equal(t, b.Images[0].Name()+":"+b.Images[0].Tag+":"+jsonOf(t, b.Images[0].Port), tc.want)
		})
	}
}

func TestConfigFiles(t *testing.T) {
	folder := fstest.MapFS{
		"rules/pay.yaml":  {Data: []byte("max: 5\n")},
		"pay.yaml":        {Data: []byte("other\n")},
		"logo.png":        {Data: []byte("\x89PNG")},
		"large":           {Data: make([]byte, 600<<10)},
		"rules/larger":    {Data: make([]byte, 600<<10)},
		"rules/also.conf": {Data: []byte("x=y")},
		"odd name":        {Data: []byte("x")},
	}
	for name, tc := range map[string]struct{ files, want string }{
		"two files":       {"[./rules/pay.yaml, rules/also.conf]", `{"also.conf":"x=y","pay.yaml":"max: 5\n"}`},
		"missing":         {"[nope.yaml]", "b.yaml:3:29: configs[0].files[0]: read nope.yaml: file does not exist; files are found in or below the blueprint's folder"},
		"outside":         {"[../secret]", "b.yaml:3:29: configs[0].files[0]: read ../secret: it lies outside the blueprint's folder; files are found in or below the blueprint's folder"},
		"absolute":        {"[/etc/passwd]", "b.yaml:3:29: configs[0].files[0]: read /etc/passwd: it lies outside the blueprint's folder; files are found in or below the blueprint's folder"},
		"a folder":        {"[rules]", "b.yaml:3:29: configs[0].files[0]: read rules: not a file; files are found in or below the blueprint's folder"},
		"not text":        {"[logo.png]", "b.yaml:3:29: configs[0].files[0]: read logo.png: not text in UTF-8; files are found in or below the blueprint's folder"},
		"same name twice": {"[pay.yaml, rules/pay.yaml]", "b.yaml:3:39: configs[0].files[1]: read rules/pay.yaml: this config has a file of that name already; files are found in or below the blueprint's folder"},
		"too much":        {"[large, rules/larger]", "b.yaml:3:36: configs[0].files[1]: read rules/larger: the blueprint and its files are larger than 900 KiB together; files are found in or below the blueprint's folder"},
		"bad key":         {"[odd name]", `b.yaml:3:11: configs[0].data["odd name"]: "odd name" can't be the key of a ConfigMap; use letters, digits, dots, dashes and underscores`},
	} {
		t.Run(name, func(t *testing.T) {
			b, _, err := parse("b.yaml", []byte("id: food-v2\nimages: [{svc: food, tag: '2'}]\nconfigs: [{name: r, files: "+tc.files+"}]\nphases: [{name: full, traffic: 100%}]\n"), folder)
			if err != nil {
				equal(t, err.Error(), tc.want)
				return
			}
			equal(t, jsonOf(t, b.Configs[0].Data), tc.want)
			if b.Configs[0].Files != nil {
				t.Error("files are still named, so the record would not stand for itself")
			}
		})
	}
}

// What Load adds to parse: the real folder, which a symbolic link must not leave either.
func TestLoadReadsBesideTheBlueprint(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "secret"), "s")
	write(filepath.Join(dir, "pay.yaml"), "max: 5\n")
	if err := os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	text := "id: food-v2\nimages: [{svc: food, tag: '2'}]\nconfigs: [{name: r, files: [FILE]}]\nphases: [{name: full, traffic: 100%}]\n"
	write(filepath.Join(dir, "good.yaml"), strings.Replace(text, "FILE", "pay.yaml", 1))
	write(filepath.Join(dir, "bad.yaml"), strings.Replace(text, "FILE", "link", 1))

	b, _, err := Load(filepath.Join(dir, "good.yaml"))
	if err != nil || b.Configs[0].Data["pay.yaml"] != "max: 5\n" {
		t.Error(b, err)
	}
	if _, _, err := Load(filepath.Join(dir, "bad.yaml")); err == nil || !strings.Contains(err.Error(), "configs[0].files[0]: read link: path escapes") {
		t.Errorf("got %v", err)
	}
	if _, _, err := Load(filepath.Join(dir, "none.yaml")); !os.IsNotExist(unwrapped(err)) {
		t.Errorf("got %v", err)
	}
}

func unwrapped(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok || os.IsNotExist(err) {
			return err
		}
		err = u.Unwrap()
	}
}

// Whatever is accepted is written so that it is read as the same.
func FuzzParse(f *testing.F) {
	for _, path := range []string{seed, "../../testdata/foodsvc_v2.1.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"id: a\nimages: [{svc: a, image: 'r/a:1', values: {x: [1, 1.5, null, {y: z}]}, set: [a=b]}]\nphases: [{name: a, traffic: 100}]",
		"id: a-v1\nimages: [{mfe: a, tag: 2024-06-15}]\nkpi: {p99: {threshold: < 1.2x green, buckets: b, quantile: .99}}\nphases: [{name: a, traffic: 100, gate: manual}]",
		"id: a-v1\nimages: &i\n- {mfe: a, tag: x}\nconfigs: [{name: a, data: {k: v}}, {name: b, from: secret/x}]\nphases: [{name: a, traffic: 7, hold: 1h}, {name: b, traffic: 100%}]\nevents: {webhook: 'https://a/b'}",
		"a: &a [*a]", "<<: {id: x}", "? [a]\n: b", "\t", "a: !!binary aGk=", "%YAML 1.1\n---\nid: x", "id: 'a\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, _, err := parse("b.yaml", data, fstest.MapFS{"f": {Data: []byte("text")}})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "b.yaml:") {
				t.Fatalf("no position: %v", err)
			}
			return
		}
		agree(t, data, b)
		asJSON := []byte(jsonOf(t, b))
		again, warnings, err := parse("b.json", asJSON, fstest.MapFS{})
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%s\nis not read again: %v %v", asJSON, err, warnings)
		}
		equal(t, jsonOf(t, again), string(asJSON))

		asYAML, err := sigsyaml.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if again, _, err = parse("b.yaml", asYAML, fstest.MapFS{}); err != nil {
			t.Fatalf("%s\nis not read again: %v", asYAML, err)
		}
		equal(t, jsonOf(t, again), string(asJSON))

		b.Default()
		equal(t, jsonOf(t, b), string(asJSON))
	})
}

// agree checks that the parser that knows positions read the same as the one whose result is used. (In a chart's
// values it may read otherwise: they are only looked at for keys written twice.)
func agree(t *testing.T, data []byte, b *Blueprint) {
	t.Helper()
	src, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	var undate func(n *yaml.Node)
	undate = func(n *yaml.Node) {
		if n.Tag == "!!timestamp" { // text, as the other one has it
			n.Tag = "!!str"
		}
		for i, c := range n.Content {
			if undate(c); n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == "values" {
				n.Content[i+1] = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
			}
		}
	}
	undate(src.root)
	var tree any
	if err := src.root.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	other := new(Blueprint)
	if err := json.Unmarshal([]byte(jsonOf(t, tree)), other); err != nil {
		t.Fatal(err)
	}
	other.inline(fstest.MapFS{"f": {Data: []byte("text")}}, maxSize)
	other.Default()
	for i := range other.Images {
		other.Images[i].Values = b.Images[i].Values
	}
	equal(t, jsonOf(t, other), jsonOf(t, b))
}

func parsed(t *testing.T, text string) *Blueprint {
	t.Helper()
	b, warnings, err := parse("b.yaml", []byte(text), fstest.MapFS{})
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	return b
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
