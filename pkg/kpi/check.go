package kpi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// use makes an entry's queries the definition's.
func (d *Definition) use(e entry, place blueprint.Place) error {
	d.Queries = []Queries{e.queries()}
	d.Rule.Kind, d.Rule.Quantile = e.Kind, e.Quantile
	if d.Rule.Kind == "" {
		d.Rule.Kind = implied(e.queries())
	}
	return d.finish(place)
}

// finish checks the definition and writes down where each of its queries is asked.
func (d *Definition) finish(place blueprint.Place) error {
	if d.Source == blueprint.FromPods && d.Origin == builtIn {
		d.Queries = slices.DeleteFunc(d.Queries, func(q Queries) bool { return !answerable(q, place) })
		if len(d.Queries) == 0 {
			return fmt.Errorf("source pods can't answer what %s asks: it counts, and keeps no past to take a rate of", d.Name)
		}
	}
	if err := d.check(place); err != nil {
		return err
	}
	o := sourced{d.Source, place}
	for i, q := range d.Queries {
		if d.Source == blueprint.FromPods {
			if !answerable(q, place) {
				return errors.New("source pods answers plain selectors alone, such as paid_total{pod=~\"$pods\"}, and sum, max, min, avg or count of one; without pods: they must name $pods")
			}
			for _, text := range []*string{&q.Good, &q.Bad, &q.Total, &q.Buckets} {
				*text = tracked(*text)
			}
		}
		d.Queries[i] = o.tag(q)
	}
	return nil
}

// answerable says whether source pods can answer a KPI's queries. With no place named it asks the pods that they name.
func answerable(q Queries, place blueprint.Place) bool {
	if q.Blue != nil && !answerable(*q.Blue, place) {
		return false
	}
	for _, text := range []string{q.Good, q.Bad, q.Total, q.Buckets, q.Query} {
		if text == "" {
			continue
		}
		if _, _, err := folding(text); err != nil || place.Pods == "" && !strings.Contains(text, "$pods") {
			return false
		}
	}
	return true
}

// implied is the kind the queries speak of.
func implied(q Queries) blueprint.KPIKind {
	switch {
	case q.Query != "":
		return blueprint.Value
	case q.Buckets != "":
		return blueprint.Quantile
	}
	return blueprint.Ratio
}

// check says what is wrong with a definition that no sampling could put right.
func (d *Definition) check(place blueprint.Place) error {
	for _, q := range d.Queries {
		if err := d.checkQueries(q, place); err != nil {
			return err
		}
	}
	t := d.Rule.Threshold
	switch d.Rule.Kind {
	case blueprint.Ratio:
		if !t.Relative && (t.Unit == "s" || t.Unit == "ms" || t.Value < 0 || t.Value > 1) {
			return fmt.Errorf("%q is not a share: a ratio's threshold is written like \"< 0.5%%\"", t)
		}
	case blueprint.Quantile:
		if !(d.Rule.Quantile > 0 && d.Rule.Quantile < 1) { // NaN is neither
			return fmt.Errorf("quantile %v: give a number between 0 and 1, such as 0.99", d.Rule.Quantile)
		}
		if t.Unit == "%" || t.Op != "<" && t.Op != "<=" {
			return fmt.Errorf("%q is not a latency: a quantile's threshold is written like \"< 300ms\"", t)
		}
	}
	return nil
}

// checkQueries says whether the queries are those of the kind.
func (d *Definition) checkQueries(q Queries, place blueprint.Place) error {
	if d.Origin == builtIn {
		q.Total = "" // tells which data plane is in use, whatever the kind
		if d.Rule.Kind == blueprint.Ratio {
			return nil
		}
	}
	given := 0
	for _, c := range []string{q.Good, q.Bad, q.Total, q.Buckets} {
		if c == "" {
			continue
		}
		given++
		if rated(c) {
			return fmt.Errorf("%q is a rate: write the counter itself, rates are worked out here", c)
		}
		if !slotted(c + place.URL) {
			return fmt.Errorf("%q is the same for both slots: name the slot with $service, $pods or $workload", c)
		}
	}
	if q.Unit != "" && (q.Buckets == "" || q.Unit != "s" && q.Unit != "ms") {
		return fmt.Errorf("unit %q: a quantile's buckets are in s or ms", q.Unit)
	}
	switch d.Rule.Kind {
	case blueprint.Ratio:
		if given != 2 || q.Buckets != "" || q.Query != "" {
			return errors.New("a ratio has two of good, bad and total")
		}
	case blueprint.Quantile:
		if given != 1 || q.Buckets == "" || q.Query != "" {
			return errors.New("a quantile has buckets, and no other query")
		}
	case blueprint.Value:
		if given != 0 || q.Query == "" {
			return errors.New("a value has query, and no other")
		}
		if d.Rule.Threshold.Relative && !slotted(q.Query+place.URL) {
			return fmt.Errorf("%q is the same for both slots: name the slot with $service, $pods or $workload", q.Query)
		}
	default:
		return fmt.Errorf("kind %q: there are ratio, quantile and value", d.Rule.Kind)
	}
	return nil
}
