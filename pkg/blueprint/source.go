package blueprint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// source is a blueprint's text and its tree, whose positions are those of the file.
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
	if src.root, err = tree(text); err == nil {
		src.relocate(src.root)
		return src, nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		e.Line, e.Column = src.origin(e.Line, e.Column)
	}
	return nil, err
}

// tree parses the one document of a text.
func tree(data []byte) (*yaml.Node, error) {
	docs, err := documents(data)
	switch {
	case err != nil:
		return nil, syntax(data, err)
	case len(docs) == 0 || len(docs) == 1 && isNull(docs[0].Content[0]):
		return nil, &Error{Line: 1, Column: 1, Problem: "is empty", Hint: "a blueprint needs id, images and phases"}
	case len(docs) > 1:
		return nil, &Error{Line: docs[1].Line, Column: docs[1].Column, Problem: "holds several documents", Hint: "write one blueprint to a file"}
	}
	root := docs[0].Content[0]
	if err := portable(root); err != nil {
		return nil, err
	}
	if _, err := sigsyaml.YAMLToJSON(data); err != nil { // an alias inside its own anchor ends here
		return nil, syntax(data, err)
	}
	return root, nil
}

// documents parses the first two documents: a third makes no difference.
func documents(data []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	for d := yaml.NewDecoder(bytes.NewReader(data)); len(docs) < 2; {
		doc := new(yaml.Node)
		err := d.Decode(doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// portable refuses what has no place in JSON.
func portable(n *yaml.Node) error {
	refuse := func(at *yaml.Node, problem, hint string) error {
		return &Error{Line: at.Line, Column: at.Column, Problem: problem, Hint: hint}
	}
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return refuse(n, fmt.Sprintf("tag %s has no meaning here", n.Tag), "remove it")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!float" && strings.ContainsAny(n.Value, "nN"):
		return refuse(n, n.Value+" is no number to calculate with", "quote it if it is text")
	}
	for i, c := range n.Content {
		if c.Tag == "!!merge" { // the parser's order of merging is not the specification's
			return refuse(c, "merge key << is not read", "write the keys out")
		}
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Kind != yaml.ScalarNode {
			return refuse(c, "a key must be a single word", "")
		}
		if err := portable(c); err != nil {
			return err
		}
	}
	return nil
}

// syntax gives a parser's complaint its place. The parser names the line where the broken part starts, or none;
// the line that breaks it is the first up to which the complaint is the same.
func syntax(data []byte, err error) error {
	what := prefix.ReplaceAllString(err.Error(), "")
	e := &Error{Problem: "is not YAML: " + what}
	lines := bytes.SplitAfter(data, []byte("\n"))
	at := sort.Search(len(lines)-1, func(i int) bool {
		_, same := documents(bytes.Join(lines[:i+1], nil))
		return same != nil && same.Error() == err.Error()
	})
	if name := anchor.FindStringSubmatch(what); name != nil { // known only to the second parser, or found at the end
		at = bytes.Count(data[:max(0, bytes.Index(data, []byte("*"+name[1])))], []byte("\n"))
	}
	e.Line, e.Column = at+1, len(lines[at])-len(bytes.TrimLeft(lines[at], " \t"))+1
	switch {
	case bytes.Contains(lines[at], []byte("\t")):
		e.Hint = "indent with spaces, not tabs"
	case strings.HasPrefix(what, "did not find expected"):
		e.Hint = "look at the indentation here, and for a quote or bracket left open before"
	case strings.Contains(what, "end of stream"):
		e.Hint = "close the quote or bracket that is open"
	}
	return e
}

var (
	prefix = regexp.MustCompile(`^(error converting YAML to JSON: )?(yaml: )?(line [0-9]+: )?`)
	anchor = regexp.MustCompile(`anchor '([^']*)'`)
)
