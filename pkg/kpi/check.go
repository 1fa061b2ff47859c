package kpi

import (
	"errors"
	"fmt"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// use makes an entry's queries the definition's.
func (d *Definition) use(e entry) error {
	d.Queries = []Queries{e.Queries}
	d.Rule.Kind, d.Rule.Quantile = e.Kind, e.Quantile
	if d.Rule.Kind == "" {
		d.Rule.Kind = implied(e.Queries)
	}
	return d.check()
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
func (d *Definition) check() error {
	for _, q := range d.Queries {
		if err := d.checkQueries(q); err != nil {
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
func (d *Definition) checkQueries(q Queries) error {
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
		if rated.MatchString(unquoted(c)) {
			return fmt.Errorf("%q is a rate: write the counter itself, rates are worked out here", c)
		}
		if !slotted(c) {
			return fmt.Errorf("%q is the same for both slots: name the slot with $service, $pods or $workload", c)
		}
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
		if d.Rule.Threshold.Relative && !slotted(q.Query) {
			return fmt.Errorf("%q is the same for both slots: name the slot with $service, $pods or $workload", q.Query)
		}
	default:
		return fmt.Errorf("kind %q: there are ratio, quantile and value", d.Rule.Kind)
	}
	return nil
}
