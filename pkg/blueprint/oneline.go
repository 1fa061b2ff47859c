package blueprint

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// pair is a line under images that had two keys, as in
//
//	images:
//	  - svc: hms-svc-food    tag: "2.0.0"
//
// which is not YAML, but is how the first blueprint ever shown was written.
type pair struct {
	line   int    // where it was, 1-based
	column int    // where its second key was
	indent int    // columns before its keys
	proper string // how YAML writes it
}

// split puts the second key of such lines on a line of its own. Nothing else is read this way.
func split(data []byte) ([]byte, []pair) {
	var (
		out    []string
		pairs  []pair
		inside bool // images
		dashes = -1 // where its items start
	)
	for i, line := range strings.Split(string(data), "\n") {
		if line != "" && !strings.ContainsAny(line[:1], " -#\r") {
			inside, dashes = images.MatchString(line), -1
		}
		if dash := item.FindStringSubmatch(line); inside && dashes < 0 && dash != nil {
			dashes = len(dash[1])
		}
		m := twoKeys.FindStringSubmatch(strings.TrimSuffix(line, "\r"))
		if !inside || m == nil || len(m[1]) != dashes {
			out = append(out, line)
			continue
		}
		indent := len(m[1]) + len(m[2])
		first, second := m[1]+m[2]+m[3], strings.Repeat(" ", indent)+m[5]
		out = append(out, first, second+m[6])
		pairs = append(pairs, pair{
			line: i + 1, column: len(first) + len(m[4]) + 1, indent: indent,
			proper: first + "\n" + second,
		})
	}
	return []byte(strings.Join(out, "\n")), pairs
}

// relocate gives a tree of the split text the positions of the file.
func (src *source) relocate(n *yaml.Node) {
	n.Line, n.Column = src.origin(n.Line, n.Column)
	for _, c := range n.Content {
		src.relocate(c)
	}
}

// origin finds where a position of the split text was in the file.
func (src *source) origin(line, column int) (int, int) {
	for i, p := range src.pairs {
		switch first := p.line + i; { // its first half; each earlier pair added a line
		case line == first+1:
			return p.line, column - p.indent - 1 + p.column
		case line <= first:
			return line - i, column
		}
	}
	return line - len(src.pairs), column
}

func (src *source) warnings(file string) []Warning {
	var all []Warning
	for _, p := range src.pairs {
		all = append(all, Warning{
			File: file, Line: p.line, Column: p.column, Path: "images",
			Problem: "two keys on one line is not YAML, read as meant",
			Hint:    fmt.Sprintf("write\n%s", p.proper),
		})
	}
	return all
}

const word = `(?:"[^"\\]*"|'[^']*'|[^\s"'#{}\[\],&*!|>%@` + "`" + `][^\s#]*)`

var (
	images  = regexp.MustCompile(`^images:\s*(#.*)?$`)
	item    = regexp.MustCompile(`^( *)- `)
	twoKeys = regexp.MustCompile(`^( *)(- +)([A-Za-z]+: +` + word + `)( {2,})([A-Za-z]+: +` + word + `)( *(?:#.*)?)$`)
)
