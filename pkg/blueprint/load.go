package blueprint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
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
		found := b.inline(folder, maxSize-len(src.text))
		b.Default()
		problems = append(problems, s.placed(append(found, b.problems()...))...)
	}
	for _, p := range problems {
		p.File = file
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
