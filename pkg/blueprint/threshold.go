package blueprint

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Threshold is a bound such as "< 0.5%", "> 98%", "< 300ms" or "< 1.2x green".
type Threshold struct {
	Op       string  // one of < <= > >=
	Value    float64 // as a plain number: 0.5% is 0.005, 300ms is 0.3
	Unit     string  // as written: "%", "ms", "s" or none
	Relative bool    // Value is a multiple of green's over the same minutes
}

// ParseThreshold reads a threshold as a blueprint writes it.
func ParseThreshold(text string) (Threshold, error) {
	var t Threshold
	err := t.parse(text)
	return t, err
}

func (t *Threshold) parse(text string) error {
	m := bound.FindStringSubmatch(text)
	if m == nil {
		return hinted{fmt.Sprintf("%q is not a threshold", text), suggestBound(text)}
	}
	op, number, unit, green := m[1], m[2], m[3], m[4] != ""
	switch {
	case unit == "x" && !green:
		return hinted{fmt.Sprintf("%q does not say of what", text), fmt.Sprintf("write \"%s %sx green\"", op, number)}
	case green && unit != "x":
		return hinted{fmt.Sprintf("%q is not a multiple of green's", text), `write it like "< 1.2x green"`}
	}
	// The decimal point moves in the text: 0.7% is then exactly 0.007, and is written 0.7% again.
	v, err := strconv.ParseFloat(fmt.Sprintf("%se%d", number, -shift[unit]), 64)
	if err != nil {
		return hinted{fmt.Sprintf("%q is out of range", text), "write a smaller number"}
	}
	*t = Threshold{Op: op, Value: v, Unit: strings.TrimSuffix(unit, "x"), Relative: green}
	return nil
}

// String writes the threshold as a blueprint does.
func (t Threshold) String() string {
	if t.Op == "" {
		return ""
	}
	if t.Relative {
		return fmt.Sprintf("%s %sx green", t.Op, decimal(t.Value, 0))
	}
	return fmt.Sprintf("%s %s%s", t.Op, decimal(t.Value, shift[t.Unit]), t.Unit)
}

// Holds says whether a value meets the threshold. For a relative one, green is green's value.
func (t Threshold) Holds(value, green float64) bool {
	limit := t.Value
	if t.Relative {
		limit *= green
	}
	switch t.Op {
	case "<":
		return value < limit
	case "<=":
		return value <= limit
	case ">":
		return value > limit
	case ">=":
		return value >= limit
	}
	return false
}

// MarshalJSON writes it as a blueprint does.
func (t Threshold) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// UnmarshalJSON reads it as a blueprint does.
func (t *Threshold) UnmarshalJSON(data []byte) error { return unmarshalScalar(data, t) }

// decimal writes v×10^places without rounding v: the digits stay, the point moves.
func decimal(v float64, places int) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
	e, _ := strconv.Atoi(exponent) // FormatFloat wrote it
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	digits := strings.Replace(mantissa, ".", "", 1)
	switch point := e + places + 1; {
	case strings.Trim(digits, "0") == "":
		return "0"
	case point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return sign + digits + strings.Repeat("0", point-len(digits))
	default:
		return sign + digits[:point] + "." + digits[point:]
	}
}

// suggestBound guesses the threshold that was meant.
func suggestBound(text string) string {
	text = strings.TrimSpace(text)
	if bound.MatchString("< " + text) {
		return fmt.Sprintf("write \"< %s\" or \"> %s\"", text, text)
	}
	for _, guess := range []string{
		strings.NewReplacer("=<", "<=", "=>", ">=", "≤", "<=", "≥", ">=").Replace(text),
		strings.NewReplacer("==", "<=", "=", "<=").Replace(text),
		strings.ReplaceAll(text, ",", "."),
	} {
		if bound.MatchString(guess) {
			return fmt.Sprintf("did you mean %q?", guess)
		}
	}
	return `write it like "< 0.5%", "> 98%", "< 300ms" or "< 1.2x green"`
}

// bound is operator, number, unit, and green for a relative one. A float64 keeps 15 digits exactly.
var bound = regexp.MustCompile(`^\s*(<=|>=|<|>)\s*(-?[0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(%|ms|s|x|)(\s*green)?\s*$`)

// shift is how many places a unit moves the decimal point.
var shift = map[string]int{"%": 2, "ms": 3}
