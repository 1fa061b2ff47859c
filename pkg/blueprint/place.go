package blueprint

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Source is where a KPI's numbers come from.
type Source string

// The sources.
const (
	FromPrometheus Source = "prometheus"
	FromPods       Source = "pods"
	FromWeb        Source = "web"
	FromJob        Source = "job"
)

func (Source) choices() []string {
	return []string{string(FromPrometheus), string(FromPods), string(FromWeb), string(FromJob)}
}

// Place is what a source has to know beside the queries. Secrets are named, never held.
type Place struct {
	URL     string `json:"url,omitempty"`
	Secret  string `json:"secret,omitempty"`
	Pods    string `json:"pods,omitempty"`
	Port    string `json:"port,omitempty"`
	Path    string `json:"path,omitempty"`
	Cmd     string `json:"cmd,omitempty"`
	Image   string `json:"image,omitempty"`
	Timeout string `json:"timeout,omitempty"`
	Every   string `json:"every,omitempty"` // how often a job runs; not a key of its own
}

// Place is what the KPI says about its source.
func (k KPI) Place() Place {
	p := Place{URL: k.URL, Secret: k.Secret, Pods: k.Pods, Port: k.Port, Path: k.Path, Cmd: k.Cmd, Image: k.Image}
	if k.Timeout != nil {
		p.Timeout = k.Timeout.String()
	}
	if k.Source == FromJob && k.Interval != nil {
		p.Every = k.Interval.String()
	}
	return p
}

// keys are the names of a source's own keys.
func (s Source) keys() []string {
	switch s {
	case FromPods:
		return []string{"pods", "port", "path"}
	case FromWeb:
		return []string{"url", "secret"}
	case FromJob:
		return []string{"cmd", "image", "timeout"}
	}
	return nil
}

// least is how short a KPI's interval may be.
func (s Source) least() time.Duration {
	if s == FromPods {
		return 100 * time.Millisecond
	}
	return time.Second
}

// source checks what a KPI says about where its numbers come from.
func (c *check) source(path string, k KPI) {
	c.word(path+".source", string(k.Source), k.Source)
	p := k.Place()
	given := []struct{ key, value string }{{"url", p.URL}, {"secret", p.Secret}, {"pods", p.Pods}, {"port", p.Port},
		{"path", p.Path}, {"cmd", p.Cmd}, {"image", p.Image}, {"timeout", p.Timeout}}
	allowed := strings.Join(k.Source.keys(), " ")
	for _, g := range given {
		if g.value == "" || strings.Contains(" "+allowed+" ", " "+g.key+" ") {
			continue
		}
		hint := "say which: source: web, pods or job"
		if k.Source != "" {
			hint = fmt.Sprintf("source %s has %s", k.Source, orNone(strings.Join(k.Source.keys(), ", ")))
		}
		c.add(path+"."+g.key, "does not belong to the KPI's source", hint)
	}
	if k.Interval != nil && k.Interval.Duration > 0 && k.Interval.Duration < k.Source.least() {
		c.add(path+".interval", fmt.Sprintf("%s is too short for its source", k.Interval.Duration),
			fmt.Sprintf("write at least %s; only source: pods can be asked several times a second", k.Source.least()))
	}
	switch k.Source {
	case FromWeb:
		c.address(path+".url", k.URL)
		if k.implied() == "" {
			c.add(path, "asks a web address for nothing", "give query, or total and good or bad, as JSONPath such as {.failed}")
		}
	case FromJob:
		if k.Cmd == "" {
			c.add(path+".cmd", "is missing", "give the command whose exit code is the KPI")
		}
		if k.implied() != "" {
			c.add(path, "has a query, but its number is the exit code of cmd", "remove the query")
		}
	}
}

func orNone(words string) string {
	if words == "" {
		return "no keys of its own"
	}
	return words
}

// address checks where a web source is asked.
func (c *check) address(path, text string) {
	const how = "write it like http://$service.$namespace:8080/stats, or service/$service:8080/stats to go through the API server"
	u, err := url.Parse(strings.ReplaceAll(text, "$", ""))
	switch {
	case text == "":
		c.add(path, "is missing", how)
	case strings.HasPrefix(text, "service/"):
		if !strings.Contains(strings.TrimPrefix(text, "service/"), ":") {
			c.add(path, fmt.Sprintf("%q names no port", text), how)
		}
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		c.add(path, fmt.Sprintf("%q is not a web address", text), how)
	case u.User != nil:
		c.add(path, "holds a name or password", "put the headers into a Secret and name it: secret: NAME")
	}
}

// prometheus checks how Prometheus is to be reached. What is written here is kept in the record, so it may hold no secret.
func (c *check) prometheus(p *Prometheus) {
	if p == nil {
		return
	}
	if u, err := url.Parse(p.Address); err == nil && u.User != nil {
		c.add("prometheus.address", "holds a name or password", "put them into a Secret and name it: secret: NAME")
	}
	for name := range p.Headers {
		if strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "Cookie") {
			c.add(below("prometheus.headers", name), "is secret", "put it into a Secret, as header."+name+", and name that: secret: NAME")
		}
	}
}
