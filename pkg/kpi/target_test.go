package kpi

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

var (
	green = Target{Namespace: "food-svc", Component: "hms-svc-food", Service: "hms-svc-food", Workload: "hms-svc-food"}
	blue  = Target{Namespace: "food-svc", Component: "hms-svc-food", Service: "hms-svc-food-blue", Workload: "hms-svc-food-blue"}
)

func TestAim(t *testing.T) {
	for query, want := range map[string]string{
		`up{namespace="$namespace",svc='$service'}`: `up{namespace="food-svc",svc='hms-svc-food'}`,
		`up{svc=~"a-$service-[0-9]+$"}`:             `up{svc=~"a-hms-svc-food-[0-9]+$"}`,
		`up{w="$workload"} # it's $5`:               `up{w="hms-svc-food"} # it's $5`,
		"up{a=`x\"`,w=\"$workload\"}":               "up{a=`x\"`,w=\"hms-svc-food\"}",
		`up{a="\"",w="$workload"}`:                  `up{a="\"",w="hms-svc-food"}`,
		`up{pod=~"$pods"}`:                          `up{pod=~"hms-svc-food-(?:[a-z0-9]{1,10}-[a-z0-9]{5}|[0-9]+)"}`,
		`label_replace(up, "a", "$1", "b", "(.*)")`: `label_replace(up, "a", "$1", "b", "(.*)")`,
	} {
		got, err := green.aim(query)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v\nwant %s", query, got, err, want)
		}
	}
}

func TestAimEscapes(t *testing.T) {
	odd := Target{Namespace: `a"b\c'd`, Service: "a.b"}
	for query, want := range map[string]string{
		`up{n="$namespace"}`:  `up{n="a\"b\\c'd"}`,
		`up{n='$namespace'}`:  `up{n='a"b\\c\'d'}`,
		"up{n=`$namespace`}":  "up{n=`a\"b\\c'd`}",
		`up{s="$service"}`:    `up{s="a.b"}`,
		`up{s=~"$service"}`:   `up{s=~"a\\.b"}`,
		`up{s !~ "$service"}`: `up{s !~ "a\\.b"}`,
		"up{s=~`$service`}":   "up{s=~`a\\.b`}",
	} {
		got, err := odd.aim(query)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v\nwant %s", query, got, err, want)
		}
	}
}

func TestAimRefuses(t *testing.T) {
	for query, want := range map[string]string{
		`up{n="$name"}`:      "unknown $name",
		`$service_up`:        "unknown $service_up",
		`up{} > $service`:    "outside of quotes",
		`up{pod="$pods"}`:    "is a regular expression",
		"up{n=~`$workload`}": "can't stand in backquotes",
	} {
		_, err := Target{Workload: "a`b"}.aim(query)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}

func TestGreensPodsAreNotBlues(t *testing.T) {
	pods := func(t Target) *regexp.Regexp {
		p, _, _ := t.value("pods")
		return regexp.MustCompile("^(?:" + p + ")$")
	}
	for pod, want := range map[string]string{
		"hms-svc-food-6b7f9c5d4-x2x9q":      "green",
		"hms-svc-food-0":                    "green",
		"hms-svc-food-blue-6b7f9c5d4-x2x9q": "blue",
		"hms-svc-food-blue-0":               "blue",
		"hms-svc-foodie-6b7f9c5d4-x2x9q":    "",
	} {
		if g, b := pods(green).MatchString(pod), pods(blue).MatchString(pod); g != (want == "green") || b != (want == "blue") {
			t.Errorf("%s: green %v, blue %v, want %q", pod, g, b, want)
		}
	}
}

func TestTraefiksServiceLabel(t *testing.T) {
	const head, tail = "httproute-food-svc-food-gw-infra-web-ep-web-0-1c95cf2ba3f4f2a3c0de", "@kubernetesgateway"
	query := planes()[1].slot
	matcher := regexp.MustCompile(`=~"(.*)"`)
	label := func(t Target) *regexp.Regexp {
		q, err := t.aim(query)
		if err != nil {
			panic(err)
		}
		return regexp.MustCompile("^(?:" + matcher.FindStringSubmatch(q)[1] + ")$")
	}
	for service, want := range map[string]string{
		head + "-svc-food-svc-hms-svc-food-0" + tail:       "green",
		head + "-svc-food-svc-hms-svc-food-11" + tail:      "green",
		head + "-svc-food-svc-hms-svc-food-blue-1" + tail:  "blue",
		head + "-svc-food-svc-hms-svc-food-blue2-1" + tail: "",
		head + "-svc-other-hms-svc-food-0" + tail:          "",
		head + "-wrr" + tail:                               "",
	} {
		if g, b := label(green).MatchString(service), label(blue).MatchString(service); g != (want == "green") || b != (want == "blue") {
			t.Errorf("%s: green %v, blue %v, want %q", service, g, b, want)
		}
	}
}

// Whatever a name is, in quotes it means itself and nothing else.
func FuzzAim(f *testing.F) {
	for _, s := range []string{"food", `a"b`, `a\`, "a\nb", "a'", "`", `"} or vector(1) #`, "$namespace", "a.b|c", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		target := Target{Namespace: name}
		for _, form := range []struct{ before, after string }{{`up{n="`, `"}`}, {"up{n=`", "`}"}, {`up{n=~"^`, `$"}`}, {`up{n='`, `'}`}} {
			got, err := target.aim(form.before + "$namespace" + form.after)
			if err != nil {
				if utf8.ValidString(name) && form.before != "up{n=`" {
					t.Fatalf("%q is refused: %v", name, err)
				}
				continue
			}
			inner := strings.TrimSuffix(strings.TrimPrefix(got, form.before[:len("up{n=")]), "}")
			if form.before == `up{n='` {
				// Go reads strings of this kind in double quotes only.
				inner = strings.NewReplacer(`\\`, `\\`, `\'`, `'`, `"`, `\"`).Replace(inner)
				inner = `"` + inner[1:len(inner)-1] + `"`
			}
			if form.before == `up{n=~"^` {
				inner = strings.TrimPrefix(inner, "~")
			}
			read, err := strconv.Unquote(inner)
			if err != nil {
				t.Fatalf("%q gave %s: %v", name, got, err)
			}
			if form.before == `up{n=~"^` {
				if !regexp.MustCompile("(?s)"+read).MatchString(name) || regexp.MustCompile("(?s)"+read).MatchString(name+"x") {
					t.Fatalf("%q gave %s, which does not match it alone", name, got)
				}
			} else if read != name {
				t.Fatalf("%q gave %s, which reads %q", name, got, read)
			}
		}
	})
}

// Any query either is refused or comes out with every piece of it where it was.
func FuzzPieces(f *testing.F) {
	for _, s := range []string{`up{a="$service"}`, `a # $b`, `"\`, `'`, "`$pods", `=~"$pods"`, `$`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var again strings.Builder
		for _, p := range pieces(query) {
			again.WriteString(p.text)
			if p.placeholder != "" {
				again.WriteString("$" + p.placeholder)
			}
		}
		if again.String() != query {
			t.Fatalf("%q became %q", query, again.String())
		}
		if out, err := green.aim(query); err == nil && !strings.Contains(query, "$") && out != query {
			t.Fatalf("%q became %q", query, out)
		}
		tracked(query)
	})
}
