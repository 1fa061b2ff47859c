package blueprint

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite generated files")

func TestSchemaIsCurrent(t *testing.T) {
	const path = "../../docs/blueprint.schema.json"
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the types say; run: go generate ./pkg/blueprint", path)
	}
}

// Every field says what it is for, is in the schema, and is explained in the reference.
func TestEveryFieldIsDocumented(t *testing.T) {
	reference, err := os.ReadFile("../../docs/blueprint.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[Blueprint](), reflect.TypeFor[Component](), reflect.TypeFor[Config](), reflect.TypeFor[Test](),
		reflect.TypeFor[KPI](), reflect.TypeFor[Prometheus](), reflect.TypeFor[Phase](), reflect.TypeFor[Events](), reflect.TypeFor[Router](),
	} {
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Tag.Get("doc") == "" {
				t.Errorf("%s.%s has no doc tag", typ.Name(), f.Name)
			}
			if !strings.Contains(string(reference), "`"+name+"`") {
				t.Errorf("docs/blueprint.md does not mention `%s` of %s", name, typ.Name())
			}
			if whole := f.Type.Kind() == reflect.Int || f.Type.Kind() == reflect.Int32; whole && f.Type != reflect.TypeFor[Percent]() {
				if f.Tag.Get("min") == "" || f.Tag.Get("max") == "" {
					t.Errorf("%s.%s has no min and max", typ.Name(), f.Name)
				}
			}
		}
	}
}

func TestSchemaSaysWhatTheLoaderSays(t *testing.T) {
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Required             []string
		AdditionalProperties bool
		Properties           map[string]struct {
			Enum  []string
			Items struct {
				Required   []string
				Properties map[string]struct {
					Minimum, Maximum int
					AnyOf            []struct{ Pattern string }
				}
			}
		}
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if want := []string{"id", "images", "phases"}; !reflect.DeepEqual(s.Required, want) {
		t.Errorf("required are %v, want %v", s.Required, want)
	}
	if s.AdditionalProperties {
		t.Error("unknown keys are allowed")
	}
	if want := []string{"auto", "manual"}; !reflect.DeepEqual(s.Properties["rollback"].Enum, want) {
		t.Errorf("rollback is one of %v, want %v", s.Properties["rollback"].Enum, want)
	}
	if want := []string{"name", "traffic"}; !reflect.DeepEqual(s.Properties["phases"].Items.Required, want) {
		t.Errorf("a phase needs %v, want %v", s.Properties["phases"].Items.Required, want)
	}
	if port := s.Properties["images"].Items.Properties["port"]; port.Minimum != 1 || port.Maximum != 65535 {
		t.Errorf("a port is %d to %d", port.Minimum, port.Maximum)
	}
}
