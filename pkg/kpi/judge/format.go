package judge

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Format writes a number of this KPI as people do: 0.7%, 212ms, 12.5.
func (r Rule) Format(v float64) string { return r.format(v, 2) }

// format keeps so many significant digits, at least.
func (r Rule) format(v float64, digits int) string {
	unit := r.Threshold.Unit
	switch {
	case r.Kind == blueprint.Ratio, r.Kind == blueprint.Value && unit == "%":
		// 99.95% has two digits that matter, and so has 0.05%.
		p := v * 100
		return decimals(p, digits, min(math.Abs(p), math.Abs(100-p))) + "%"
	case r.Kind == blueprint.Quantile, unit == "s", unit == "ms":
		if math.Abs(v) < 0.9995 {
			return decimals(v*1000, digits, v*1000) + "ms"
		}
		return decimals(v, digits+1, v) + "s"
	}
	if math.Abs(v) >= 1000 {
		return count(v)
	}
	return decimals(v, digits+1, v)
}

// compare writes "0.7% > 0.5%", with as many digits as it takes to tell the two apart.
func (r Rule) compare(blue, limit float64, limitText string) string {
	sign := "="
	switch {
	case blue < limit:
		sign = "<"
	case blue > limit:
		sign = ">"
	}
	text := r.Format(blue)
	for digits := 3; sign != "=" && digits < 8 && text == r.format(limit, digits-1); digits++ {
		text = r.format(blue, digits)
	}
	return text + " " + sign + " " + limitText
}

// limitText writes the limit in force, and how it came about when green sets it: green's present number, or its last.
func (r Rule) limitText(limit float64, green, known *float64) string {
	t := r.Threshold
	if !t.Relative {
		return r.Format(limit)
	}
	times := strings.TrimSuffix(strings.TrimPrefix(t.String(), t.Op+" "), " green")
	whose := "green's"
	if green == nil {
		whose = "green's last"
	}
	return fmt.Sprintf("%s (%s %s %s)", r.Format(limit), times, whose, r.Format(*known))
}

// decimals writes v with so many significant digits of scale, at most 6 places, without trailing zeros.
func decimals(v float64, digits int, scale float64) string {
	places := 0
	if scale = math.Abs(scale); scale > 0 && !math.IsInf(scale, 0) {
		places = min(max(digits-1-int(math.Floor(math.Log10(scale)+1e-9)), 0), 6)
	}
	s := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// count writes a whole number with thousands apart: 10,014.
func count(v float64) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v < 0 && s != "0" {
		return "-" + s
	}
	return s
}
