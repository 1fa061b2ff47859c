package blueprint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// scalar is a type that is written as one word. Positions and JSON share the one parser.
type scalar interface {
	parse(text string) error
}

// shorthand is a type that may be written as one of its fields alone.
type shorthand interface {
	short() scalar
}

// hinted is a scalar's complaint with what to write instead.
type hinted struct{ problem, hint string }

func (h hinted) Error() string { return join(h.problem, h.hint) }

// unmarshalScalar reads a JSON string or number into a scalar. Null leaves it alone, as encoding/json asks.
func unmarshalScalar(data []byte, into scalar) error {
	data = bytes.TrimSpace(data)
	if string(data) == "null" {
		return nil
	}
	text := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	return into.parse(text)
}

// Duration is a length of time as Go writes it: 90s, 5m, 1h30m. It is never negative.
type Duration struct{ time.Duration }

func (d *Duration) parse(text string) error {
	v, err := time.ParseDuration(text)
	switch {
	case err != nil && digits.MatchString(text):
		return hinted{fmt.Sprintf("%s has no unit", text), fmt.Sprintf("write %ss or %sm", text, text)}
	case err != nil:
		return hinted{fmt.Sprintf("%q is not a length of time", text), "write it like 90s, 5m or 1h30m"}
	case v < 0:
		return hinted{text + " is less than nothing", "write it like 90s, 5m or 1h30m"}
	}
	d.Duration = v
	return nil
}

// String leaves out the zero parts that Go writes: 15m, not 15m0s.
func (d Duration) String() string {
	return zeroParts.ReplaceAllString(d.Duration.String(), "$1")
}

// MarshalJSON writes it as a blueprint does.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads it as a blueprint does.
func (d *Duration) UnmarshalJSON(data []byte) error { return unmarshalScalar(data, d) }

// Percent is a whole share of traffic, 0 to 100. It is written 50% or 50.
type Percent int

func (p *Percent) parse(text string) error {
	m := percent.FindStringSubmatch(text)
	if m == nil {
		return hinted{fmt.Sprintf("%q is not a whole percentage", text), "write it like 1% or 50%"}
	}
	v, err := strconv.Atoi(m[1])
	if err != nil || v > 100 {
		return hinted{m[1] + "% is more than 100%", "write a share from 1% to 100%"}
	}
	*p = Percent(v)
	return nil
}

// String writes it with its sign: 50%.
func (p Percent) String() string { return strconv.Itoa(int(p)) + "%" }

// UnmarshalJSON reads both forms. It is written as a number.
func (p *Percent) UnmarshalJSON(data []byte) error { return unmarshalScalar(data, p) }

func (k *KPI) short() scalar { return &k.Threshold }

// UnmarshalJSON reads the long form and the short one, which is the threshold alone.
func (k *KPI) UnmarshalJSON(data []byte) error {
	if t := bytes.TrimSpace(data); len(t) > 0 && t[0] != '{' {
		return k.Threshold.UnmarshalJSON(data)
	}
	type long KPI
	return json.Unmarshal(data, (*long)(k))
}

// UnmarshalJSON keeps whole numbers whole, which a chart's template would show as 1e+06 otherwise.
func (v *Values) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return err
	}
	whole, err := numbers(m)
	if err != nil {
		return err
	}
	*v, _ = whole.(map[string]any)
	return nil
}

// numbers turns each json.Number of a tree into an int64 or else a float64.
func numbers(tree any) (any, error) {
	var errs []error
	switch t := tree.(type) {
	case json.Number:
		if i, err := t.Int64(); err == nil {
			return i, nil
		}
		return t.Float64()
	case map[string]any:
		for k := range t {
			v, err := numbers(t[k])
			t[k], errs = v, append(errs, err)
		}
	case []any:
		for i := range t {
			v, err := numbers(t[i])
			t[i], errs = v, append(errs, err)
		}
	}
	return tree, errors.Join(errs...)
}

var (
	digits    = regexp.MustCompile(`^[0-9]+$`)
	percent   = regexp.MustCompile(`^(0|[1-9][0-9]*)%?$`)
	zeroParts = regexp.MustCompile(`([hm])(?:0m)?0s$`)
)
