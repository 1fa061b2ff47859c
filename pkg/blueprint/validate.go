package blueprint

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"dro.dev/kubectl-dro/pkg/near"
)

// Validate says everything that is wrong with a blueprint whose defaults are filled in. The error joins *Error values.
func (b *Blueprint) Validate() error { return inOrder(b.problems()) }

// check collects problems; its methods are the rules that several fields share.
type check struct{ found []*Error }

func (c *check) add(path, problem, hint string) {
	c.found = append(c.found, &Error{Path: path, Problem: problem, Hint: hint})
}

func (b *Blueprint) problems() []*Error {
	c := new(check)
	good := c.name("id", b.ID, validation.IsDNS1123Subdomain)
	if len(b.ID) > validation.LabelValueMaxLength {
		c.add("id", fmt.Sprintf("%q has %d characters", b.ID, len(b.ID)), "it becomes a label and can have 63")
	}
	switch derived := b.App == appOf(b.ID); {
	case !derived:
		c.name("app", b.App, validation.IsDNS1123Label)
	case good && len(validation.IsDNS1123Label(b.App)) > 0:
		c.add("app", fmt.Sprintf("%q, as the id has it, is not a name Kubernetes takes for a label", b.App), "set app: to lower case letters, digits and dashes")
	}
	if b.Namespace != "" {
		c.name("namespace", b.Namespace, validation.IsDNS1123Label)
	}
	c.word("rollback", string(b.Rollback), b.Rollback)
	c.images(b.Images)
	c.configs(b.Configs)
	c.phases(b.Phases)
	c.tests(b.Tests, b.Phases)
	c.kpis(b.KPI)
	c.prometheus(b.Prometheus)
	if b.Events != nil {
		c.webhook("events.webhook", b.Events.Webhook)
	}
	return c.found
}

// name checks a name by one of Kubernetes' own rules and says whether it is a good one.
func (c *check) name(path, name string, rule func(string) []string) bool {
	if name == "" {
		c.add(path, "is missing", "give it a name")
		return false
	}
	broken := rule(name)
	if len(broken) == 0 {
		return true
	}
	hint := "use lower case letters, digits and dashes, at most 63"
	if guess := strings.Trim(odd.ReplaceAllString(strings.ToLower(name), "-"), "-"); guess != name && len(rule(guess)) == 0 {
		hint = fmt.Sprintf("did you mean %q?", guess)
	}
	c.add(path, fmt.Sprintf("%q is not a name Kubernetes takes", name), hint)
	return false
}

// once complains about a name that an earlier entry of the same list has.
func (c *check) once(seen map[string]string, path, name string) {
	if first, twice := seen[name]; twice && name != "" {
		c.add(path, fmt.Sprintf("%q is the name of %s already", name, first), "give each a name of its own")
		return
	}
	seen[name] = path[:strings.LastIndex(path, ".")]
}

// word checks a value against the words its type allows. Empty is for Default to fill.
func (c *check) word(path, value string, of choices) {
	for _, w := range of.choices() {
		if w == value || value == "" {
			return
		}
	}
	_, hint := near.Suggest(value, of.choices())
	c.add(path, fmt.Sprintf("unknown value %q", value), hint)
}

func (c *check) configs(configs []Config) {
	seen := map[string]string{}
	for i, config := range configs {
		path := fmt.Sprintf("configs[%d]", i)
		c.name(path+".name", config.Name, validation.IsDNS1123Subdomain)
		c.once(seen, path+".name", config.Name)
		if n := config.sources(); n != 1 {
			c.add(path, fmt.Sprintf("has %d of files, data and from", n), "give exactly one")
		}
		for key := range config.Data {
			if len(validation.IsConfigMapKey(key)) > 0 {
				c.add(below(path+".data", key), fmt.Sprintf("%q can't be the key of a ConfigMap", key), "use letters, digits, dots, dashes and underscores")
			}
		}
		if config.From == "" {
			continue
		}
		kind, name, _ := strings.Cut(config.From, "/")
		if kind != "configmap" && kind != "secret" || len(validation.IsDNS1123Subdomain(name)) > 0 {
			c.add(path+".from", fmt.Sprintf("%q names no object", config.From), "write configmap/NAME or secret/NAME")
		}
	}
}

// sources counts where a config says its content comes from.
func (c Config) sources() int {
	n := 0
	for _, given := range []bool{len(c.Files) > 0, len(c.Data) > 0, c.From != ""} {
		if given {
			n++
		}
	}
	return n
}

func (c *check) phases(phases []Phase) {
	if len(phases) == 0 {
		c.add("phases", "has no phase", "list at least one; the last has traffic: 100%")
		return
	}
	seen, last := map[string]string{}, Percent(0)
	for i, p := range phases {
		path := fmt.Sprintf("phases[%d]", i)
		c.name(path+".name", p.Name, validation.IsDNS1123Label)
		c.once(seen, path+".name", p.Name)
		c.word(path+".gate", string(p.Gate), p.Gate)
		c.word(path+".advance", string(p.Advance), p.Advance)
		c.match(path+".match", p.Match)
		switch {
		case p.Traffic < 0 || p.Traffic > 100 || p.Mirror < 0 || p.Mirror > 100:
			c.add(path+".traffic", p.Traffic.String()+" is no share of the traffic", "write a share from 1% to 100%")
			continue
		case p.Traffic == 0 && last == 0 && (p.Match != nil || p.Mirror > 0):
		case p.Traffic == 0:
			c.add(path+".traffic", p.Traffic.String()+" is no share of the traffic", "write a share from 1% to 100%")
			continue
		case p.Traffic <= last:
			c.add(path+".traffic", fmt.Sprintf("%s is not more than the %s before it", p.Traffic, last), "phases must ascend")
		}
		last = p.Traffic
	}
	if last != 100 {
		c.add("phases", fmt.Sprintf("end at %s", last), "add a last phase with traffic: 100%")
	}
}

// match checks that a match chooses something, by words that every router's rules can hold.
func (c *check) match(path string, m *Match) {
	if m == nil {
		return
	}
	given := 0
	for _, by := range []struct {
		name   string
		wanted map[string]string
		rule   *regexp.Regexp
	}{{"headers", m.Headers, token}, {"cookies", m.Cookies, token}, {"query", m.Query, visible}, {"sourceLabels", m.SourceLabels, visible}} {
		for name, value := range by.wanted {
			given++
			switch at := below(path+"."+by.name, name); {
			case !by.rule.MatchString(name):
				c.add(at, fmt.Sprintf("%q can't be a name here", name), "use letters, digits and dashes")
			case !visible.MatchString(value):
				c.add(at, fmt.Sprintf("%q can't be compared with", value), "give it a value on one line, without back quotes")
			}
		}
	}
	if given == 0 {
		c.add(path, "chooses nothing", "give headers, cookies, query or sourceLabels")
	}
}

func (c *check) tests(tests []Test, phases []Phase) {
	var names []string
	for _, p := range phases {
		names = append(names, p.Name)
	}
	seen := map[string]string{}
	for i, t := range tests {
		path := fmt.Sprintf("tests[%d]", i)
		c.name(path+".name", t.Name, validation.IsDNS1123Label)
		c.once(seen, path+".name", t.Name)
		c.word(path+".target", string(t.Target), t.Target)
		switch {
		case t.Cmd == "" && !t.Helm:
			c.add(path, "has nothing to run", "give cmd: or helm: true")
		case t.Cmd != "" && t.Helm:
			c.add(path, "has both cmd and helm", "make them two tests")
		}
		if t.Timeout != nil && t.Timeout.Duration == 0 {
			c.add(path+".timeout", "leaves no time to run", "write it like 30s or 5m")
		}
		if len(phases) > 0 && !slices.Contains(names, t.Before) {
			_, hint := near.Suggest(t.Before, names)
			c.add(path+".before", fmt.Sprintf("unknown phase %q", t.Before), hint)
		}
		for name := range t.Env {
			c.env(below(path+".env", name), name)
		}
	}
}

func (c *check) env(path, name string) {
	switch {
	case !envName.MatchString(name):
		c.add(path, fmt.Sprintf("%q can't be the name of an environment variable", name), "use letters, digits and underscores")
	case name == "BLUE_URL" || name == "GREEN_URL":
		c.add(path, "is set by dro", "use another name")
	}
}

func (c *check) webhook(path, address string) {
	if address == "" {
		return
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.add(path, "is not an http or https address", "write it like https://host/path") // it may hold a secret: not repeated
	}
}

var (
	odd     = regexp.MustCompile(`[^a-z0-9.-]+`)
	token   = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_|~-]+$") // a header's name
	visible = regexp.MustCompile("^[^`\\x00-\\x1f\\x7f]+$")
	envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)
