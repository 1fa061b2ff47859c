package blueprint

import (
	"strings"
	"testing"
)

func TestRouter(t *testing.T) {
	const head, tail = "id: a-v2\nimages:\n  - svc: food\n    tag: \"2\"\n    router: ", "\nphases: [{name: full, traffic: 100%}]\n"
	const long = "{apiVersion: example.com/v1, kind: Split, backends: 'spec.rules[*].to', service: name, weight: share, name: food, wait: 2s}"
	for name, tc := range map[string]struct {
		router, want string
		custom       bool
		says         string
	}{
		"short":          {router: "httproute/food", want: "httproute/food"},
		"a whole kind":   {router: "service", want: "service"},
		"long":           {router: long, want: "Split/food", custom: true},
		"a letter short": {router: "replica", says: `images[0].router: "replica" is not a router; did you mean "replicas"?`},
		"no such form":   {router: "food", says: `b.yaml:5:13: images[0].router: "food" is not a router; write kind/name`},
		"unknown key":    {router: "{apiVersion: v1, kindd: x}", says: `images[0].router.kindd: unknown key "kindd"; did you mean "kind"?`},
		"no weight":      {router: "{apiVersion: example.com/v1, kind: Split, backends: spec.to, service: name}", says: "images[0].router: lacks weight"},
		"no path":        {router: strings.Replace(long, "weight: share", "weight: '/share'", 1), says: `b.yaml:5:108: images[0].router.weight: "/share" is not a path; write keys with dots between`},
		"no api version": {router: strings.Replace(long, "example.com/v1", "example.com", 1), says: `"example.com" is not a group and version`},
	} {
		t.Run(name, func(t *testing.T) {
			b, _, err := Parse("b.yaml", []byte(head+tc.router+tail))
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r := b.Images[0].Router; r.String() != tc.want || r.Custom() != tc.custom {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestParseRouter(t *testing.T) {
	r, err := ParseRouter([]byte("apiVersion: example.com/v1\nkind: Split\nbackends: spec.to\nservice: name\nweight: weight\nabsent: 1\n"))
	if err != nil || !r.Custom() || r.Absent != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	for text, says := range map[string]string{
		"httproute/food":       "describes no router",
		"apiVersion: v1":       "lacks kind",
		"apiVersion: v1\na: b": `2:1: a: unknown key "a"`,
		"[":                    "1:",
	} {
		if _, err := ParseRouter([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}
