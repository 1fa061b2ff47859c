package demo

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"dro.dev/kubectl-dro/playground/load"
)

// defective is the version whose own failures are part of the story.
const defective = "2.0.0"

// own says whether c counts failures that a version made by itself: answers it gave. A connection that was cut, or an
// answer of the gateway, is the rollout's.
func own(c load.Count) bool {
	return c.Failed() && c.Version == defective && strings.HasPrefix(c.Status, "5")
}

// judge says what the counts of the whole story are missing.
func judge(counts []load.Count) []error {
	others, defects := 0, 0
	var kinds []string
	for _, c := range counts {
		switch {
		case own(c):
			defects += c.N
		case c.Failed():
			others += c.N
			kinds = append(kinds, fmt.Sprintf("%d × %s from %s for %s", c.N, c.Status, c.Version, c.Target))
		}
	}
	var wrong []error
	if others > 0 {
		wrong = append(wrong, fmt.Errorf("%d requests failed that %s's defect did not cause: %s", others, defective, strings.Join(kinds, ", ")))
	}
	if defects == 0 {
		wrong = append(wrong, errors.New("the defect of "+defective+" never showed: it was not given enough traffic"))
	}
	return wrong
}

// alone says whether a version answered everything in counts.
func alone(counts []load.Count, version string) error {
	answered := 0
	for _, c := range counts {
		if c.Version != version {
			return fmt.Errorf("%s should answer everything now, but %d requests for %s were answered by %s (%s)", version, c.N, c.Target, c.Version, c.Status)
		}
		answered += c.N
	}
	if answered == 0 {
		return fmt.Errorf("%s should answer everything now, but nothing was answered at all", version)
	}
	return nil
}

// table shows requests and failures by version.
func table(counts []load.Count) string {
	type row struct{ requests, failures, own int }
	rows, all := map[string]row{}, row{}
	for _, c := range counts {
		r := rows[c.Version]
		r.requests += c.N
		all.requests += c.N
		if c.Failed() {
			r.failures += c.N
			all.failures += c.N
		}
		if own(c) {
			all.own += c.N
		}
		rows[c.Version] = r
	}
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "version\trequests\tfailures\t")
	for _, version := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(w, "%s\t%d\t%d\t\n", version, rows[version].requests, rows[version].failures)
	}
	fmt.Fprintf(w, "all\t%d\t%d\t\n", all.requests, all.failures)
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&out, "failures caused by %s's own defect: %d\n", defective, all.own)
	fmt.Fprintf(&out, "failures not caused by it: %d\n", all.failures-all.own)
	return out.String()
}
