package blueprint

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one problem of a blueprint, and where it is written.
type Error struct {
	File         string
	Line, Column int    // 1-based; 0 when the blueprint was not read from a file
	Path         string // such as phases[0].traffic
	Problem      string
	Hint         string // what to do; may be empty
}

// Error writes file:line:column: path: problem; hint.
func (e *Error) Error() string {
	return place(e.File, e.Line, e.Column, e.Path) + join(e.Problem, e.Hint)
}

// Warning is something that was read although it should be written differently.
type Warning Error

// String writes it as Error does.
func (w Warning) String() string { e := Error(w); return e.Error() }

func place(file string, line, column int, path string) string {
	var b strings.Builder
	if line > 0 {
		fmt.Fprintf(&b, "%s:%d:%d: ", file, line, column)
	} else if file != "" {
		b.WriteString(file + ": ")
	}
	if path != "" {
		b.WriteString(path + ": ")
	}
	return b.String()
}

func join(problem, hint string) string {
	if hint == "" {
		return problem
	}
	return problem + "; " + hint
}

// inOrder joins the problems as a reader meets them in the file.
func inOrder(problems []*Error) error {
	slices.SortStableFunc(problems, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}
