package blueprint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

func (c *check) kpis(kpis map[string]KPI) {
	for _, name := range slices.Sorted(maps.Keys(kpis)) {
		k, path := kpis[name], below("kpi", name)
		if !kpiName.MatchString(name) {
			c.add(path, fmt.Sprintf("%q can't be the name of a KPI", name), "use letters, digits, underscores and colons")
		}
		c.word(path+".kind", string(k.Kind), k.Kind)
		c.word(path+".noData", string(k.NoData), k.NoData)
		if k.Interval != nil && k.Interval.Duration == 0 {
			c.add(path+".interval", "leaves no time between samples", "write it like 1s or 15s")
		}
		c.source(path, k)
		c.queries(path, k)
		if k.Threshold.Op == "" {
			c.add(path+".threshold", "is missing", `write it like "< 0.5%"`)
			continue
		}
		c.bound(path, k, measures(name, k))
	}
}

// queries checks that a KPI defined here has the queries of its kind, and no others.
func (c *check) queries(path string, k KPI) {
	if k.Quantile < 0 || k.Quantile >= 1 || k.Quantile == 0 && k.Buckets != "" {
		c.add(path+".quantile", "is not between 0 and 1", "write it like 0.99")
	}
	if k.Unit != "" && k.Unit != "s" && k.Unit != "ms" {
		c.add(path+".unit", fmt.Sprintf("%q is not a unit of bucket bounds", k.Unit), "write s or ms")
	}
	if k.implied() == "" {
		return // defined elsewhere
	}
	allowed := map[KPIKind][]string{Ratio: {"good", "bad", "total"}, Quantile: {"buckets", "unit", "quantile"}, Value: {"query"}}[k.Kind]
	for _, q := range k.written() {
		if !slices.Contains(allowed, q) {
			c.add(path+"."+q, fmt.Sprintf("does not belong to a KPI of kind %s", k.Kind), "it has "+strings.Join(allowed, ", "))
		}
	}
	switch k.Kind {
	case Ratio:
		if k.Total == "" || (k.Good == "") == (k.Bad == "") {
			c.add(path, "is a ratio without its two counters", "give total and either good or bad")
		}
	case Quantile:
		if k.Buckets == "" {
			c.add(path, "is a quantile without buckets", "give the histogram's _bucket counters")
		}
	case Value:
		if k.Query == "" {
			c.add(path, "is a value without a query", "give query:")
		}
	}
}

// written are the names of the query fields that are set.
func (k KPI) written() []string {
	set := map[string]bool{"good": k.Good != "", "bad": k.Bad != "", "total": k.Total != "",
		"buckets": k.Buckets != "", "unit": k.Unit != "", "quantile": k.Quantile != 0, "query": k.Query != ""}
	maps.DeleteFunc(set, func(_ string, given bool) bool { return !given })
	return slices.Sorted(maps.Keys(set))
}

// measure is what a KPI's numbers are, as far as the blueprint tells.
type measure int

const (
	anyNumber measure = iota
	notNegative
	seconds // not negative either
	share   // 0 to 1
)

// measures says what a KPI measures: by its kind, its name if that is a built-in one, or its threshold's unit.
func measures(name string, k KPI) measure {
	switch {
	case k.Kind == Ratio, k.Kind == "" && (name == "error_rate" || name == "success_rate"):
		return share
	case k.Kind == Quantile, k.Kind == "" && strings.HasPrefix(name, "latency_"):
		return seconds
	case k.Kind == "" && name == "request_rate":
		return notNegative
	case k.Kind == "" && k.Threshold.Unit == "%":
		return share
	}
	return anyNumber
}

// bound checks that a threshold fits what is measured and can be met at all.
func (c *check) bound(path string, k KPI, m measure) {
	t, at := k.Threshold, path+".threshold"
	switch {
	case m == share && (t.Unit == "s" || t.Unit == "ms"):
		c.add(at, fmt.Sprintf("%q is a time, but a share is measured", t), `write it like "< 0.5%"`)
	case m == seconds && t.Unit == "%":
		c.add(at, fmt.Sprintf("%q is a share, but a time is measured", t), `write it like "< 300ms"`)
	case t.Relative && t.Value <= 0:
		c.add(at, fmt.Sprintf("%q leaves nothing of green's", t), `write it like "< 1.2x green"`)
	case m != anyNumber && (t.Op == "<" && t.Value <= 0 || t.Op == "<=" && t.Value < 0):
		c.add(at, fmt.Sprintf("%q can never hold", t), "nothing is less than zero here")
	case m == share && !t.Relative && (t.Op == ">" && t.Value >= 1 || t.Op == ">=" && t.Value > 1):
		hint := "nothing is more than 100% here"
		if t.Unit == "" && t.Value <= 100 {
			hint = fmt.Sprintf("did you mean %q?", t.String()+"%")
		}
		c.add(at, fmt.Sprintf("%q can never hold", t), hint)
	}
}

var kpiName = regexp.MustCompile(`^[A-Za-z_:][A-Za-z0-9_:.-]*$`)
