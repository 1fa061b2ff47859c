package blueprint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

//go:generate go test -run TestSchemaIsCurrent . -update

// Schema is the JSON Schema of a blueprint, made from the Go types. Editors complete and check blueprints with it;
// docs/blueprint.schema.json holds it.
func Schema() ([]byte, error) {
	s := schemaOf(reflect.TypeFor[Blueprint](), "")
	s["$schema"] = "http://json-schema.org/draft-07/schema#"
	s["title"] = "kubectl dro blueprint"
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // < and > are what thresholds are made of
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("write the blueprint's schema: %w", err)
	}
	return out.Bytes(), nil
}

type schema = map[string]any

// schemaOf describes a type; tags are those of the field that has it.
func schemaOf(t reflect.Type, tags reflect.StructTag) schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := schemaOfValue(t, tags)
	if doc := tags.Get("doc"); doc != "" {
		s["description"] = doc
	}
	return s
}

func schemaOfValue(t reflect.Type, tags reflect.StructTag) schema {
	switch v := reflect.New(t).Interface().(type) {
	case *Duration:
		return schema{"type": "string", "pattern": `^([0-9.]+(ms|s|m|h))+$`, "examples": []string{"90s", "5m", "1h30m"}}
	case *Percent:
		return schema{"anyOf": []schema{
			{"type": "integer", "minimum": 0, "maximum": 100},
			{"type": "string", "pattern": `^([0-9]|[1-9][0-9]|100)%?$`},
		}}
	case *Threshold:
		return schema{"type": "string", "pattern": bound.String(), "examples": []string{"< 0.5%", "> 98%", "< 300ms", "< 1.2x green"}}
	case *routerName:
		return schema{"type": "string", "pattern": router.String(), "examples": []string{"httproute/food", "service"}}
	case shorthand:
		return schema{"anyOf": []schema{schemaOf(reflect.TypeOf(v.short()), ""), schemaOfObject(t)}}
	case choices:
		return schema{"type": "string", "enum": v.choices()}
	}
	switch t.Kind() {
	case reflect.Struct:
		return schemaOfObject(t)
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": schemaOf(t.Elem(), "")}
	case reflect.Slice:
		return schema{"type": "array", "items": schemaOf(t.Elem(), "")}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Float64:
		return schema{"type": "number"}
	case reflect.Int, reflect.Int32:
		return schemaOfWhole(tags)
	}
	return schema{} // anything
}

func schemaOfObject(t reflect.Type) schema {
	properties, required := schema{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		properties[name] = schemaOf(f.Type, f.Tag)
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	s := schema{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func schemaOfWhole(tags reflect.StructTag) schema {
	s := schema{"type": "integer"}
	for key, tag := range map[string]string{"minimum": "min", "maximum": "max"} {
		if n, err := strconv.Atoi(tags.Get(tag)); err == nil {
			s[key] = n
		}
	}
	return s
}
