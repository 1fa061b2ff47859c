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

// suggest names the known word nearest to what was written, or all of them when none is near.
func suggest(written string, known []string) (nearest, hint string) {
	best := max(2, len(written)/3) + 1
	for _, k := range known {
		if d := distance(strings.ToLower(written), strings.ToLower(k)); d < best && d < len(k) {
			nearest, best = k, d
		}
	}
	switch {
	case nearest != "":
		return nearest, fmt.Sprintf("did you mean %q?", nearest)
	case len(known) == 0:
		return "", ""
	}
	return "", "known are " + strings.Join(known, ", ")
}

// distance is the number of letters to insert, remove, replace or swap to get from a to b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row := make([]int, len(y)+1)
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(y)]
}
