package blueprint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// maxSize bounds a blueprint with its config files: the record that holds it is a Secret, and those end at 1 MiB.
const maxSize = 900 << 10

// Load reads a blueprint and the config files it names, applies defaults and validates. The error joins an *Error
// for every problem found.
func Load(path string) (*Blueprint, []Warning, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read blueprint: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read blueprint %s: %w", path, err)
	}
	return Parse(path, data)
}

// Parse is Load for what was read already; file is named in errors. Config files are looked for beside it, or in
// the current folder when file is "-".
func Parse(file string, data []byte) (*Blueprint, []Warning, error) {
	dir := filepath.Dir(file) // of "-" as well: the current folder
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the blueprint's folder: %w", err)
	}
	defer root.Close()
	if file == "-" {
		file = "stdin"
	}
	return parse(file, data, root.FS())
}

// parse is Parse with the folder that config files come from.
func parse(file string, data []byte, folder fs.FS) (*Blueprint, []Warning, error) {
	src, err := read(data)
	if err == nil {
		return src.blueprint(file, folder)
	}
	e := &Error{File: file, Line: 1, Column: 1, Problem: err.Error()}
	if found, ok := errors.AsType[*Error](err); ok {
		e = found
		e.File = file
	}
	return nil, nil, e
}

// blueprint decodes, completes and validates the source.
func (src *source) blueprint(file string, folder fs.FS) (*Blueprint, []Warning, error) {
	s := &shape{at: map[string]*yaml.Node{}}
	s.value("", src.root, reflect.TypeFor[Blueprint](), "")
	b, err := src.decode(len(s.problems) > 0)
	if err != nil && len(s.problems) == 0 {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	problems := s.problems
	if err == nil {
		found := b.inline(folder)
		b.Default()
		problems = append(problems, s.placed(append(found, b.problems()...))...)
	}
	for _, p := range problems {
		p.File = file
		p.Line, p.Column = src.origin(p.Line, p.Column)
	}
	if len(problems) > 0 {
		return nil, src.warnings(file), inOrder(problems)
	}
	return b, src.warnings(file), nil
}

// decode turns the text into a blueprint; when parts were blanked, what is left of the tree.
func (src *source) decode(blanked bool) (*Blueprint, error) {
	b := new(Blueprint)
	if !blanked {
		return b, sigsyaml.UnmarshalStrict(src.text, b)
	}
	rest, err := yaml.Marshal(src.root)
	if err != nil {
		return nil, err
	}
	return b, sigsyaml.Unmarshal(rest, b)
}

// placed gives problems the place they are written at, and drops those that only follow from a known one.
func (s *shape) placed(found []*Error) []*Error {
	var kept []*Error
	for _, p := range found {
		if s.follows(p.Path) {
			continue
		}
		at := p.Path
		for s.at[at] == nil && at != "" {
			at = at[:max(0, strings.LastIndexAny(at, ".["))]
		}
		p.Line, p.Column = s.at[at].Line, s.at[at].Column
		kept = append(kept, p)
	}
	return kept
}

// follows says whether something at, above or below path is wrong already.
func (s *shape) follows(path string) bool {
	for _, w := range s.wrong {
		if w == path || w == "" || within(w, path) || within(path, w) {
			return true
		}
	}
	return false
}

// within says whether a path lies below another.
func within(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

// source is a blueprint's text and tree.
type source struct {
	text  []byte
	root  *yaml.Node
	pairs []pair // the lines that had two keys
}

// read parses the text. Only what YAML itself refuses is tried again with its two-key lines split.
func read(data []byte) (*source, error) {
	if len(data) > maxSize {
		return nil, &Error{Line: 1, Column: 1, Problem: fmt.Sprintf("is larger than %d KiB", maxSize>>10), Hint: "move large configs to a ConfigMap and name it in from:"}
	}
	root, err := tree(data)
	if err == nil {
		return &source{text: data, root: root}, nil
	}
	text, pairs := split(data)
	if len(pairs) == 0 {
		return nil, err
	}
	src := &source{text: text, pairs: pairs}
	if src.root, err = tree(text); err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			e.Line, e.Column = src.origin(e.Line, e.Column)
		}
		return nil, err
	}
	return src, nil
}

// tree parses the one document of a text.
func tree(data []byte) (*yaml.Node, error) {
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF) || err == nil && isNull(doc.Content[0]):
		return nil, &Error{Line: 1, Column: 1, Problem: "is empty", Hint: "a blueprint needs id, images and phases"}
	case err != nil:
		return nil, syntax(data, err)
	}
	switch err := d.Decode(&second); {
	case err == nil:
		return nil, &Error{Line: second.Line, Column: second.Column, Problem: "holds several documents", Hint: "write one blueprint to a file"}
	case !errors.Is(err, io.EOF):
		return nil, syntax(data, err)
	}
	if err := portable(doc.Content[0]); err != nil {
		return nil, err
	}
	if _, err := sigsyaml.YAMLToJSON(data); err != nil { // an alias inside its own anchor ends here
		return nil, syntax(data, err)
	}
	return doc.Content[0], nil
}

// portable refuses what has no place in JSON.
func portable(n *yaml.Node) error {
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return &Error{Line: n.Line, Column: n.Column, Problem: fmt.Sprintf("tag %s has no meaning here", n.Tag), Hint: "remove it"}
	case n.Kind == yaml.ScalarNode && n.Tag == "!!float" && strings.ContainsAny(n.Value, "nN"):
		return &Error{Line: n.Line, Column: n.Column, Problem: n.Value + " is not a number to calculate with", Hint: "quote it if it is text"}
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Kind != yaml.ScalarNode && c.Kind != yaml.AliasNode {
			return &Error{Line: c.Line, Column: c.Column, Problem: "a key must be a single word", Hint: ""}
		}
		if err := portable(c); err != nil {
			return err
		}
	}
	return nil
}

// syntax gives a parser's complaint its place.
func syntax(data []byte, err error) error {
	text := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	m := complaint.FindStringSubmatch(text)
	line, _ := strconv.Atoi(m[1]) // none is line 1, as the parser has it
	lines := strings.Split(string(data), "\n")
	line = min(max(line, 1), len(lines))
	start := strings.TrimLeft(lines[line-1], " \t\r")
	e := &Error{Line: line, Column: len(lines[line-1]) - len(start) + 1, Problem: "is not YAML: " + m[2]}
	if strings.Contains(lines[line-1], "\t") {
		e.Hint = "indent with spaces, not tabs"
	}
	return e
}

var complaint = regexp.MustCompile(`(?s)^(?:yaml: )?(?:line ([0-9]+): )?(.*)$`)
