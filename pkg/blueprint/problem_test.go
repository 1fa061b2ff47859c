package blueprint

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

const good = `id: food-v2
images:
  - svc: food
    tag: "2"
tests:
  - name: smoke
    cmd: "true"
kpi:
  error_rate: "< 0.5%"
phases:
  - name: canary
    traffic: 1%
  - name: full
    traffic: 100%
`

// Each case changes the good blueprint in one place.
func TestProblems(t *testing.T) {
	long := strings.Repeat("x", 49)
	for name, tc := range map[string]struct{ old, new, want string }{
		"unknown key": {"traffic: 1%", "traffik: 1%",
			`b.yaml:12:5: phases[0].traffik: unknown key "traffik"; did you mean "traffic"?`},
		"unknown key, none near": {"id: food-v2", "id: food-v2\nsomething: 1",
			`b.yaml:2:1: something: unknown key "something"; known are id, app, namespace, images, configs, tests, kpi, phases, rollback, onSilence, keep, prometheus, hooks, events`},
		"key in capitals": {"cmd: ", "Cmd: ",
			`b.yaml:7:5: tests[0].Cmd: unknown key "Cmd"; did you mean "cmd"?`},
		"key twice": {"    traffic: 1%", "    traffic: 1%\n    traffic: 2%",
			`b.yaml:13:5: phases[0].traffic: key "traffic" is written twice; it is on line 12 already`},
		"key twice in values": {"    tag: \"2\"", "    tag: \"2\"\n    values: {a: {b: 1, b: 2}}",
			`b.yaml:5:24: images[0].values.a.b: key "b" is written twice; it is on line 5 already`},
		"number for a tag": {"tag: \"2\"", "tag: 2.0",
			`b.yaml:4:10: images[0].tag: 2.0 is a number to YAML, not text; write "2.0"`},
		"boolean for text": {"cmd: \"true\"", "cmd: true",
			`b.yaml:7:10: tests[0].cmd: true is a boolean to YAML, not text; write "true"`},
		"YAML 1.1 boolean for text": {"cmd: \"true\"", "cmd: yes",
			`b.yaml:7:10: tests[0].cmd: yes is a boolean to YAML, not text; write "yes"`},
		"YAML 1.1 boolean for a key": {"cmd: \"true\"", "cmd: \"true\"\n    env: {on: \"1\"}",
			`b.yaml:8:11: tests[0].env.on: on is a boolean to YAML, not text; write "on"`},
		"word for a boolean": {"id: food-v2", "id: food-v2\nhooks: yes",
			`b.yaml:2:8: hooks: "yes" is neither true nor false; write one of them without quotes`},
		"text for a number": {"tag: \"2\"", "tag: \"2\"\n    port: http",
			`b.yaml:5:11: images[0].port: "http" is not a whole number; write decimal digits alone`},
		"octal number": {"tag: \"2\"", "tag: \"2\"\n    port: 0777",
			`b.yaml:5:11: images[0].port: "0777" is not a whole number; write decimal digits alone`},
		"port out of range": {"tag: \"2\"", "tag: \"2\"\n    port: 70000",
			`b.yaml:5:11: images[0].port: 70000 is out of range; write a number from 1 to 65535`},
		"port zero": {"tag: \"2\"", "tag: \"2\"\n    port: 0",
			`b.yaml:5:11: images[0].port: 0 is out of range; write a number from 1 to 65535`},
		"no value": {"cmd: \"true\"", "cmd:",
			`b.yaml:7:9: tests[0].cmd: has no value; give it one or remove the key`},
		"empty text": {"cmd: \"true\"", "cmd: \"\"",
			`b.yaml:7:10: tests[0].cmd: is empty; give it a value or remove the key`},
		"list for text": {"cmd: \"true\"", "cmd: [curl, -f]",
			`b.yaml:7:10: tests[0].cmd: is a list, not a single value; write it on one line, or as a block with |`},
		"mapping for a list": {"phases:\n  - name: canary\n    traffic: 1%\n  - name: full\n    traffic: 100%\n", "phases:\n  canary: 1%\n",
			`b.yaml:11:3: phases: is a mapping, not a list; start each item with a dash`},
		"text for a mapping": {"  - name: smoke\n    cmd: \"true\"", "  - smoke",
			`b.yaml:6:5: tests[0]: is "smoke", not a mapping; write key: value pairs`},
		"unknown word": {"id: food-v2", "id: food-v2\nrollback: atuo",
			`b.yaml:2:11: rollback: unknown value "atuo"; did you mean "auto"?`},
		"unknown word, none near": {"    traffic: 100%", "    traffic: 100%\n    gate: person",
			`b.yaml:15:11: phases[1].gate: unknown value "person"; known are auto, manual`},
		"duration without a unit": {"id: food-v2", "id: food-v2\nkeep: 30",
			`b.yaml:2:7: keep: 30 has no unit; write 30s or 30m`},
		"duration below zero": {"id: food-v2", "id: food-v2\nkeep: -1m",
			`b.yaml:2:7: keep: -1m is less than nothing; write it like 90s, 5m or 1h30m`},
		"not a duration": {"id: food-v2", "id: food-v2\nkeep: a while",
			`b.yaml:2:7: keep: "a while" is not a length of time; write it like 90s, 5m or 1h30m`},
		"no time for a test": {"cmd: \"true\"", "cmd: \"true\"\n    timeout: 0s",
			`b.yaml:8:14: tests[0].timeout: leaves no time to run; write it like 30s or 5m`},
		"more than all": {"traffic: 100%", "traffic: 101%",
			`b.yaml:14:14: phases[1].traffic: 101% is more than 100%; write a share from 1% to 100%`},
		"half a percent": {"traffic: 1%", "traffic: 0.5%",
			`b.yaml:12:14: phases[0].traffic: "0.5%" is not a whole percentage; write it like 1% or 50%`},
		"no traffic": {"traffic: 1%", "traffic: 0%",
			`b.yaml:12:14: phases[0].traffic: 0% is no share of the traffic; write a share from 1% to 100%`},
		"nothing chosen": {"traffic: 1%", "traffic: 0%\n    match: {headers: {}}",
			`b.yaml:13:12: phases[0].match: chooses nothing; give headers, cookies, query or sourceLabels`},
		"chosen by something else": {"traffic: 1%", "traffic: 0%\n    match: {header: {a: b}}",
			`b.yaml:13:13: phases[0].match.header: unknown key "header"; did you mean "headers"?`},
		"a name that no header has": {"traffic: 1%", "traffic: 0%\n    match: {headers: {\"X Tester\": \"yes\"}}",
			`b.yaml:13:35: phases[0].match.headers["X Tester"]: "X Tester" can't be a name here; use letters, digits and dashes`},
		"a value that would end a rule's text": {"traffic: 1%", "traffic: 0%\n    match: {query: {v: \"a`) || Path(`b\"}}",
			"b.yaml:13:24: phases[0].match.query.v: \"a`) || Path(`b\" can't be compared with; give it a value on one line, without back quotes"},
		"a copy of more than all": {"traffic: 1%", "traffic: 1%\n    mirror: 200%",
			`b.yaml:13:13: phases[0].mirror: 200% is more than 100%; write a share from 1% to 100%`},
		"descending": {"traffic: 1%", "traffic: 100%",
			`b.yaml:14:14: phases[1].traffic: 100% is not more than the 100% before it; phases must ascend`},
		"not all in the end": {"traffic: 100%", "traffic: 50%",
			`b.yaml:11:3: phases: end at 50%; add a last phase with traffic: 100%`},
		"no phases": {"phases:\n  - name: canary\n    traffic: 1%\n  - name: full\n    traffic: 100%\n", "phases: []\n",
			`b.yaml:10:9: phases: has no phase; list at least one; the last has traffic: 100%`},
		"phase twice": {"name: full", "name: canary",
			`b.yaml:13:11: phases[1].name: "canary" is the name of phases[0] already; give each a name of its own`},
		"phase name": {"name: full", "name: Full House",
			`b.yaml:13:11: phases[1].name: "Full House" is not a name Kubernetes takes; did you mean "full-house"?`},
		"id missing": {"id: food-v2", "app: food",
			`b.yaml:1:1: id: is missing; give it a name`},
		"id with underscore": {"id: food-v2", "id: food_v2",
			`b.yaml:1:5: id: "food_v2" is not a name Kubernetes takes; did you mean "food-v2"?`},
		"id too long": {"id: food-v2", "id: " + long + "-" + long + "\napp: food",
			`b.yaml:1:5: id: "` + long + `-` + long + `" has 99 characters; it becomes a label and can have 63`},
		"app with a dot": {"id: food-v2", "id: food.x-v2",
			`b.yaml:1:1: app: "food.x", as the id has it, is not a name Kubernetes takes for a label; set app: to lower case letters, digits and dashes`},
		"namespace": {"id: food-v2", "id: food-v2\nnamespace: Food",
			`b.yaml:2:12: namespace: "Food" is not a name Kubernetes takes; did you mean "food"?`},
		"no images": {"images:\n  - svc: food\n    tag: \"2\"", "images: []",
			`b.yaml:2:9: images: has no component; list at least one, such as {svc: NAME, tag: "1.0.0"}`},
		"svc and mfe": {"svc: food", "svc: food\n    mfe: food",
			`b.yaml:3:5: images[0]: has both svc and mfe; make them two components`},
		"neither svc nor mfe": {"svc: food", "service: food",
			`b.yaml:3:5: images[0]: has no name; give svc: NAME or mfe: NAME`},
		"component name": {"svc: food", "svc: -food",
			`b.yaml:3:10: images[0].svc: "-food" is not a name Kubernetes takes; did you mean "food"?`},
		"component name too long": {"svc: food", "svc: " + long,
			`b.yaml:3:10: images[0].svc: "` + long + `" has 49 characters; with -blue it is a Helm release, so it can have 48`},
		"component twice": {"    tag: \"2\"", "    tag: \"2\"\n  - mfe: food\n    tag: \"2\"",
			`b.yaml:5:10: images[1].mfe: "food" is the name of images[0] already; give each a name of its own`},
		"no version": {"    tag: \"2\"", "    port: 80",
			`b.yaml:3:5: images[0]: does not say which version; give tag: or digest:`},
		"not a tag": {"tag: \"2\"", "tag: a b",
			`b.yaml:4:10: images[0].tag: "a b" is not a tag; use letters, digits, dots, dashes and underscores, at most 128`},
		"not a digest": {"tag: \"2\"", "digest: sha256:abc",
			`b.yaml:4:13: images[0].digest: "sha256:abc" is not a digest; write sha256: and 64 hexadecimal digits`},
		"not an image": {"tag: \"2\"", "image: Food:2",
			`b.yaml:4:12: images[0].image: "Food:2" is not an image; write it like host/path/name:tag`},
		"image with a tag and a tag": {"tag: \"2\"", "tag: \"2\"\n    image: host:5000/food:2",
			`b.yaml:5:12: images[0].image: has the tag 2 beside tag: 2; write image: host:5000/food`},
		"service name": {"tag: \"2\"", "tag: \"2\"\n    service: Food",
			`b.yaml:5:14: images[0].service: "Food" is not a name Kubernetes takes; did you mean "food"?`},
		"version without chart": {"tag: \"2\"", "tag: \"2\"\n    version: \"1\"",
			`b.yaml:5:14: images[0].version: has no chart to be the version of; give chart: or remove it`},
		"set without value": {"tag: \"2\"", "tag: \"2\"\n    set: [a=1, b]",
			`b.yaml:5:16: images[0].set[1]: "b" sets nothing; write path=value`},
		"router without kind": {"tag: \"2\"", "tag: \"2\"\n    router: food",
			`b.yaml:5:13: images[0].router: "food" is not a router; write kind/name, such as httproute/food`},
		"nothing to run": {"    cmd: \"true\"", "    retries: 1",
			`b.yaml:6:5: tests[0]: has nothing to run; give cmd: or helm: true`},
		"cmd and helm": {"cmd: \"true\"", "cmd: \"true\"\n    helm: true",
			`b.yaml:6:5: tests[0]: has both cmd and helm; make them two tests`},
		"before no phase": {"cmd: \"true\"", "cmd: \"true\"\n    before: canari",
			`b.yaml:8:13: tests[0].before: unknown phase "canari"; did you mean "canary"?`},
		"test twice": {"cmd: \"true\"", "cmd: \"true\"\n  - name: smoke\n    cmd: \"true\"",
			`b.yaml:8:11: tests[1].name: "smoke" is the name of tests[0] already; give each a name of its own`},
		"environment name": {"cmd: \"true\"", "cmd: \"true\"\n    env: {a-b: x}",
			`b.yaml:8:16: tests[0].env.a-b: "a-b" can't be the name of an environment variable; use letters, digits and underscores`},
		"environment of dro": {"cmd: \"true\"", "cmd: \"true\"\n    env: {BLUE_URL: x}",
			`b.yaml:8:21: tests[0].env.BLUE_URL: is set by dro; use another name`},
		"config without content": {"id: food-v2", "id: food-v2\nconfigs: [{name: a}]",
			`b.yaml:2:11: configs[0]: has 0 of files, data and from; give exactly one`},
		"config with two contents": {"id: food-v2", "id: food-v2\nconfigs: [{name: a, data: {b: c}, from: secret/x}]",
			`b.yaml:2:11: configs[0]: has 2 of files, data and from; give exactly one`},
		"config from nowhere": {"id: food-v2", "id: food-v2\nconfigs: [{name: a, from: x}]",
			`b.yaml:2:27: configs[0].from: "x" names no object; write configmap/NAME or secret/NAME`},
		"config twice": {"id: food-v2", "id: food-v2\nconfigs: [{name: a, from: secret/x}, {name: a, from: secret/y}]",
			`b.yaml:2:45: configs[1].name: "a" is the name of configs[0] already; give each a name of its own`},
		"webhook": {"id: food-v2", "id: food-v2\nevents: {webhook: ftp://user:secret@x/}",
			`b.yaml:2:19: events.webhook: is not an http or https address; write it like https://host/path`},
		"not a threshold": {"error_rate: \"< 0.5%\"", "error_rate: little",
			`b.yaml:9:15: kpi.error_rate: "little" is not a threshold; write it like "< 0.5%", "> 98%", "< 300ms" or "< 1.2x green"`},
		"threshold without operator": {"error_rate: \"< 0.5%\"", "error_rate: 0.5%",
			`b.yaml:9:15: kpi.error_rate: "0.5%" is not a threshold; write "< 0.5%" or "> 0.5%"`},
		"threshold turned round": {"error_rate: \"< 0.5%\"", "error_rate: \"=< 0.5%\"",
			`b.yaml:9:15: kpi.error_rate: "=< 0.5%" is not a threshold; did you mean "<= 0.5%"?`},
		"threshold with a comma": {"error_rate: \"< 0.5%\"", "error_rate: \"< 0,5%\"",
			`b.yaml:9:15: kpi.error_rate: "< 0,5%" is not a threshold; did you mean "< 0.5%"?`},
		"multiple of nothing": {"error_rate: \"< 0.5%\"", "error_rate: \"< 1.2x\"",
			`b.yaml:9:15: kpi.error_rate: "< 1.2x" does not say of what; write "< 1.2x green"`},
		"green without x": {"error_rate: \"< 0.5%\"", "error_rate: \"< 1.2 green\"",
			`b.yaml:9:15: kpi.error_rate: "< 1.2 green" is not a multiple of green's; write it like "< 1.2x green"`},
		"nothing of green's": {"error_rate: \"< 0.5%\"", "error_rate: \"< 0x green\"",
			`b.yaml:9:15: kpi.error_rate.threshold: "< 0x green" leaves nothing of green's; write it like "< 1.2x green"`},
		"less than no errors": {"error_rate: \"< 0.5%\"", "error_rate: \"< 0%\"",
			`b.yaml:9:15: kpi.error_rate.threshold: "< 0%" can never hold; nothing is less than zero here`},
		"more than all successes": {"error_rate: \"< 0.5%\"", "success_rate: \"> 100%\"",
			`b.yaml:9:17: kpi.success_rate.threshold: "> 100%" can never hold; nothing is more than 100% here`},
		"forgotten percent": {"error_rate: \"< 0.5%\"", "success_rate: \"> 98\"",
			`b.yaml:9:17: kpi.success_rate.threshold: "> 98" can never hold; did you mean "> 98%"?`},
		"share of an unknown KPI": {"error_rate: \"< 0.5%\"", "pay_success: \">= 101%\"",
			`b.yaml:9:16: kpi.pay_success.threshold: ">= 101%" can never hold; nothing is more than 100% here`},
		"time for a share": {"error_rate: \"< 0.5%\"", "error_rate: \"< 300ms\"",
			`b.yaml:9:15: kpi.error_rate.threshold: "< 300ms" is a time, but a share is measured; write it like "< 0.5%"`},
		"share for a time": {"error_rate: \"< 0.5%\"", "latency_p99: \"< 5%\"",
			`b.yaml:9:16: kpi.latency_p99.threshold: "< 5%" is a share, but a time is measured; write it like "< 300ms"`},
		"no threshold": {"error_rate: \"< 0.5%\"", "error_rate: {for: 3}",
			`b.yaml:9:15: kpi.error_rate.threshold: is missing; write it like "< 0.5%"`},
		"KPI name": {"error_rate: \"< 0.5%\"", "\"error rate\": \"< 0.5%\"",
			`b.yaml:9:17: kpi["error rate"]: "error rate" can't be the name of a KPI; use letters, digits, underscores and colons`},
		"ratio without total": {"error_rate: \"< 0.5%\"", "r: {threshold: < 1%, bad: b}",
			`b.yaml:9:6: kpi.r: is a ratio without its two counters; give total and either good or bad`},
		"ratio with good and bad": {"error_rate: \"< 0.5%\"", "r: {threshold: < 1%, bad: b, good: g, total: t}",
			`b.yaml:9:6: kpi.r: is a ratio without its two counters; give total and either good or bad`},
		"quantile without which": {"error_rate: \"< 0.5%\"", "r: {threshold: < 1s, buckets: b}",
			`b.yaml:9:6: kpi.r.quantile: is not between 0 and 1; write it like 0.99`},
		"quantile out of range": {"error_rate: \"< 0.5%\"", "r: {threshold: < 1s, buckets: b, quantile: 99}",
			`b.yaml:9:46: kpi.r.quantile: is not between 0 and 1; write it like 0.99`},
		"query of another kind": {"error_rate: \"< 0.5%\"", "r: {threshold: < 1s, buckets: b, quantile: 0.9, query: q}",
			`b.yaml:9:58: kpi.r.query: does not belong to a KPI of kind quantile; it has buckets, unit, quantile`},
		"kind without its query": {"error_rate: \"< 0.5%\"", "r: {threshold: < 1s, kind: value, buckets: b}",
			`b.yaml:9:6: kpi.r.quantile: is not between 0 and 1; write it like 0.99
b.yaml:9:6: kpi.r: is a value without a query; give query:
b.yaml:9:46: kpi.r.buckets: does not belong to a KPI of kind value; it has query`},
		"no interval": {"error_rate: \"< 0.5%\"", "r: {threshold: < 1s, interval: 0s}",
			`b.yaml:9:34: kpi.r.interval: leaves no time between samples; write it like 1s or 15s`},
		"no consecutive breach": {"error_rate: \"< 0.5%\"", "r: {threshold: < 1s, for: 0}",
			`b.yaml:9:29: kpi.r.for: 0 is out of range; write a number from 1 to 1000`},
		"several documents": {"phases:", "---\nphases:",
			`b.yaml:10:1: holds several documents; write one blueprint to a file`},
		"merge key": {"  - name: smoke\n", "  - <<: {name: smoke}\n",
			`b.yaml:6:5: merge key << is not read; write the keys out`},
		"custom tag": {"cmd: \"true\"", "cmd: !sh \"true\"",
			`b.yaml:7:10: tag !sh has no meaning here; remove it`},
		"infinity": {"tag: \"2\"", "tag: \"2\"\n    values: {a: .inf}",
			`b.yaml:5:17: .inf is no number to calculate with; quote it if it is text`},
		"alias of nothing": {"tag: \"2\"", "tag: *nope",
			`b.yaml:4:5: is not YAML: unknown anchor 'nope' referenced`},
		"alias of itself": {"tag: \"2\"", "tag: \"2\"\n    values: &v {a: *v}",
			`b.yaml:5:5: is not YAML: anchor 'v' value contains itself`},
		"tabs": {"    cmd: \"true\"", "\tcmd: \"true\"",
			`b.yaml:7:2: is not YAML: found a tab character that violates indentation; indent with spaces, not tabs`},
		"bad indentation": {"    cmd: \"true\"", "   cmd: \"true\"",
			`b.yaml:7:4: is not YAML: did not find expected '-' indicator; look at the indentation here, and for a quote or bracket left open before`},
		"open quote": {"cmd: \"true\"", "cmd: \"true",
			`b.yaml:9:3: is not YAML: did not find expected key; look at the indentation here, and for a quote or bracket left open before`},
		"no mapping": {good, "foodsvc",
			`b.yaml:1:1: is "foodsvc", not a mapping; write key: value pairs`},
		"empty": {good, "# nothing",
			`b.yaml:1:1: is empty; a blueprint needs id, images and phases`},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, tc.old) {
				t.Fatalf("the good blueprint has no %q", tc.old)
			}
			_, _, err := parse("b.yaml", []byte(strings.Replace(good, tc.old, tc.new, 1)), fstest.MapFS{})
			if err == nil {
				t.Fatal("was accepted")
			}
			equal(t, err.Error(), tc.want)
		})
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	_, _, err := parse("b.yaml", []byte(`id: foodsvc_v2
images:
  - svc: hms-svc-food    tag: "2.0.0"
    prot: 8080
  - mfe: food-delivery   tag: 2.0
tests:
  - name: smoke
    befor: canary
    cmd: x
    target: bleu
    timeout: 30
kpi:
  error_rate: "< 0%"
  p99: {threshold: "< 1.2x", qurey: x}
phases:
  - name: canary
    traffik: 1%
  - name: ramp-up
    traffic: 101%
  - name: ramp-up
    traffic: 50%
    hold: 1s
    hold: 2s
`), fstest.MapFS{})
	equal(t, err.Error(), `b.yaml:1:5: id: "foodsvc_v2" is not a name Kubernetes takes; did you mean "foodsvc-v2"?
b.yaml:4:5: images[0].prot: unknown key "prot"; did you mean "port"?
b.yaml:5:31: images[1].tag: 2.0 is a number to YAML, not text; write "2.0"
b.yaml:8:5: tests[0].befor: unknown key "befor"; did you mean "before"?
b.yaml:10:13: tests[0].target: unknown value "bleu"; did you mean "blue"?
b.yaml:11:14: tests[0].timeout: 30 has no unit; write 30s or 30m
b.yaml:13:15: kpi.error_rate.threshold: "< 0%" can never hold; nothing is less than zero here
b.yaml:14:20: kpi.p99.threshold: "< 1.2x" does not say of what; write "< 1.2x green"
b.yaml:14:30: kpi.p99.qurey: unknown key "qurey"; did you mean "query"?
b.yaml:17:5: phases[0].traffik: unknown key "traffik"; did you mean "traffic"?
b.yaml:19:14: phases[1].traffic: 101% is more than 100%; write a share from 1% to 100%
b.yaml:20:11: phases[2].name: "ramp-up" is the name of phases[1] already; give each a name of its own
b.yaml:23:5: phases[2].hold: key "hold" is written twice; it is on line 22 already`)

	first, ok := errors.AsType[*Error](err)
	if !ok || first.File != "b.yaml" || first.Line != 1 || first.Column != 5 || first.Path != "id" {
		t.Errorf("the first problem is %+v", first)
	}
}

// A blueprint that was made by a program has no positions, and its words were not checked while decoding.
func TestValidateWithoutAFile(t *testing.T) {
	b := parsed(t, good)
	if err := b.Validate(); err != nil {
		t.Fatal(err)
	}
	b.Rollback, b.Phases[0].Gate, b.Tests[0].Target = "never", "shut", "red"
	b.KPI["error_rate"] = KPI{Threshold: Threshold{Op: "<", Value: 1}, Kind: "sum", NoData: "panic"}
	equal(t, b.Validate().Error(), `rollback: unknown value "never"; known are auto, manual
phases[0].gate: unknown value "shut"; known are auto, manual
tests[0].target: unknown value "red"; known are blue, green
kpi.error_rate.kind: unknown value "sum"; known are ratio, quantile, value
kpi.error_rate.noData: unknown value "panic"; known are rollback, pause, ignore`)
}

func TestTooLarge(t *testing.T) {
	_, _, err := parse("b.yaml", make([]byte, maxSize+1), fstest.MapFS{})
	equal(t, err.Error(), "b.yaml:1:1: is larger than 900 KiB; move large configs to a ConfigMap and name it in from:")
}
