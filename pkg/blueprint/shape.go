package blueprint

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"dro.dev/kubectl-dro/pkg/near"
)

// shape compares a YAML tree with the Go types it is to become. It notes where every path is written, and blanks
// what doesn't fit, so that the rest can still be decoded and validated and all problems are told at once.
//
// Two YAML parsers are at work: this tree's, and sigs.k8s.io/yaml's, whose result is used. What they would read
// differently (yes and no, octal numbers) is refused here.
type shape struct {
	at       map[string]*yaml.Node // where a path is written
	wrong    []string              // paths already complained about
	problems []*Error
}

func (s *shape) complain(path string, at *yaml.Node, problem, hint string) {
	s.problems = append(s.problems, &Error{Line: at.Line, Column: at.Column, Path: path, Problem: problem, Hint: hint})
	s.wrong = append(s.wrong, path)
}

// refuse complains about a value and blanks it.
func (s *shape) refuse(path string, n *yaml.Node, problem, hint string) {
	s.complain(path, n, problem, hint)
	*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null", Line: n.Line, Column: n.Column}
}

// value checks the node at path against the type it is to become. limits are its field's tags.
func (s *shape) value(path string, n *yaml.Node, t reflect.Type, limits reflect.StructTag) {
	s.at[path] = n
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if isNull(n) && t.Kind() != reflect.Interface {
		s.refuse(path, n, "has no value", "give it one or remove the key")
		return
	}
	v := reflect.New(t).Interface()
	if sh, ok := v.(shorthand); ok && n.Kind == yaml.ScalarNode {
		v = sh.short()
	}
	if sc, ok := v.(scalar); ok {
		s.word(path, n, sc)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		s.object(path, n, t)
	case reflect.Map:
		s.entries(path, n, t.Elem())
	case reflect.Slice:
		s.items(path, n, t.Elem())
	case reflect.Interface:
		s.anything(path, n)
	default:
		s.plain(path, n, t, limits)
	}
}

// object checks a mapping's keys and values against a struct's fields.
func (s *shape) object(path string, n *yaml.Node, t reflect.Type) {
	if n.Kind != yaml.MappingNode {
		s.refuse(path, n, "is "+written(n)+", not a mapping", "write key: value pairs")
		return
	}
	fields, names := map[string]reflect.StructField{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name], names = f, append(names, name)
	}
	s.each(path, n, func(key, value *yaml.Node) {
		at := below(path, key.Value)
		f, known := fields[key.Value]
		if !known {
			nearest, hint := near.Suggest(key.Value, names)
			s.complain(at, key, fmt.Sprintf("unknown key %q", key.Value), hint)
			if nearest != "" {
				s.wrong = append(s.wrong, below(path, nearest))
			}
			return
		}
		s.value(at, value, f.Type, f.Tag)
	})
}

// entries checks a mapping whose keys are the user's own.
func (s *shape) entries(path string, n *yaml.Node, elem reflect.Type) {
	if n.Kind != yaml.MappingNode {
		s.refuse(path, n, "is "+written(n)+", not a mapping", "write key: value pairs")
		return
	}
	s.each(path, n, func(key, value *yaml.Node) {
		at := below(path, key.Value)
		if problem := notText(key); problem != "" && elem.Kind() != reflect.Interface {
			s.complain(at, key, problem, fmt.Sprintf("write %q", key.Value))
		}
		s.value(at, value, elem, "")
	})
}

func (s *shape) items(path string, n *yaml.Node, elem reflect.Type) {
	if n.Kind != yaml.SequenceNode {
		s.refuse(path, n, "is "+written(n)+", not a list", "start each item with a dash")
		return
	}
	for i, item := range n.Content {
		s.value(fmt.Sprintf("%s[%d]", path, i), item, elem, "")
	}
}

// anything walks a chart's values, where only a key written twice is wrong.
func (s *shape) anything(path string, n *yaml.Node) {
	any := reflect.TypeFor[any]()
	switch n.Kind {
	case yaml.MappingNode:
		s.entries(path, n, any)
	case yaml.SequenceNode:
		s.items(path, n, any)
	}
}

// each visits a mapping's pairs and complains about a key written twice.
func (s *shape) each(path string, n *yaml.Node, visit func(key, value *yaml.Node)) {
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if first, twice := seen[key.Value]; twice {
			s.complain(below(path, key.Value), key, fmt.Sprintf("key %q is written twice", key.Value),
				fmt.Sprintf("it is on line %d already", first.Line))
			continue
		}
		seen[key.Value] = key
		visit(key, value)
	}
}

// word checks a value with a syntax of its own: a duration, a percentage, a threshold.
func (s *shape) word(path string, n *yaml.Node, into scalar) {
	if n.Kind != yaml.ScalarNode {
		s.refuse(path, n, "is "+written(n)+", not a single value", "write it as one word")
		return
	}
	err := into.parse(n.Value)
	if h, ok := errors.AsType[hinted](err); ok {
		s.refuse(path, n, h.problem, h.hint)
	}
}

// plain checks a string, number or boolean.
func (s *shape) plain(path string, n *yaml.Node, t reflect.Type, limits reflect.StructTag) {
	if n.Kind != yaml.ScalarNode {
		s.refuse(path, n, "is "+written(n)+", not a single value", "write it on one line, or as a block with |")
		return
	}
	switch t.Kind() {
	case reflect.String:
		s.text(path, n, t, limits)
	case reflect.Bool:
		if n.Value != "true" && n.Value != "false" || n.Tag != "!!bool" {
			s.refuse(path, n, fmt.Sprintf("%q is neither true nor false", n.Value), "write one of them without quotes")
		}
	case reflect.Float64:
		if n.Tag != "!!float" && n.Tag != "!!int" || !number.MatchString(n.Value) {
			s.refuse(path, n, fmt.Sprintf("%q is not a number", n.Value), "write it like 0.99")
		}
	default:
		s.whole(path, n, limits)
	}
}

func (s *shape) text(path string, n *yaml.Node, t reflect.Type, field reflect.StructTag) {
	if problem := notText(n); problem != "" {
		s.refuse(path, n, problem, fmt.Sprintf("write %q", n.Value))
		return
	}
	if n.Value == "" && field != "" { // a key of the user's own may well be empty
		s.refuse(path, n, "is empty", "give it a value or remove the key")
		return
	}
	if c, ok := reflect.Zero(t).Interface().(choices); ok && !slices.Contains(c.choices(), n.Value) {
		_, hint := near.Suggest(n.Value, c.choices())
		s.refuse(path, n, fmt.Sprintf("unknown value %q", n.Value), hint)
	}
}

func (s *shape) whole(path string, n *yaml.Node, limits reflect.StructTag) {
	if n.Tag != "!!int" || !integer.MatchString(n.Value) {
		s.refuse(path, n, fmt.Sprintf("%q is not a whole number", n.Value), "write decimal digits alone")
		return
	}
	v, err := strconv.ParseInt(n.Value, 10, 32)
	least, _ := strconv.ParseInt(limits.Get("min"), 10, 32)
	most, _ := strconv.ParseInt(limits.Get("max"), 10, 32)
	if err != nil || v < least || v > most {
		s.refuse(path, n, n.Value+" is out of range", fmt.Sprintf("write a number from %d to %d", least, most))
	}
}

// notText says why a scalar that was meant as text would not be read as such.
func notText(n *yaml.Node) string {
	kind := map[string]string{"!!int": "a number", "!!float": "a number", "!!bool": "a boolean", "!!null": "nothing"}[n.Tag]
	if n.Style == 0 && yaml11.MatchString(n.Value) {
		kind = "a boolean"
	}
	if kind == "" {
		return ""
	}
	return fmt.Sprintf("%s is %s to YAML, not text", n.Value, kind)
}

// written says what a node is, as a reader sees it.
func written(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(n.Value)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// below is the path of a key below another path.
func below(path, key string) string {
	switch {
	case !simple.MatchString(key):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

var (
	integer = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	number  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	simple  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	yaml11  = regexp.MustCompile(`^(y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF)$`)
)
