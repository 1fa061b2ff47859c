package near

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Suggest names the known word nearest to what was written, or all of them when none is near.
func Suggest(written string, known []string) (nearest, hint string) {
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

// First orders known words by how near they are to what was written, the nearest first.
func First(written string, known []string) []string {
	return slices.SortedStableFunc(slices.Values(known), func(a, b string) int {
		return cmp.Or(cmp.Compare(distance(written, a), distance(written, b)), cmp.Compare(a, b))
	})
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
