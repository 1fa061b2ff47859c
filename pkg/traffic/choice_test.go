package traffic

import (
	"slices"
	"strings"
	"testing"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

func rowNamed(t *testing.T, name string) Row {
	t.Helper()
	i := slices.IndexFunc(Rows(), func(r Row) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("there is no row %s", name)
	}
	return Rows()[i]
}

// A rule made for chosen requests must hold for no request that the rule beside it doesn't hold for.
func TestNarrowed(t *testing.T) {
	all := blueprint.Match{Headers: map[string]string{"X-T": "a.b"}, Cookies: map[string]string{"c": "1"}, Query: map[string]string{"q": "2"}}
	for name, tc := range map[string]struct{ row, rule, want string }{
		"gateway, every match": {"gateway-api", `{"matches":[{"path":{"type":"Exact","value":"/a"}},{"method":"GET"}]}`,
			`{"matches":[{"path":{"type":"Exact","value":"/a"},"headers":[{"type":"Exact","name":"X-T","value":"a.b"},{"type":"RegularExpression","name":"Cookie","value":"^(.*; ?)?c=1(;.*)?$"}],"queryParams":[{"type":"Exact","name":"q","value":"2"}]},
			 {"method":"GET","headers":[{"type":"Exact","name":"X-T","value":"a.b"},{"type":"RegularExpression","name":"Cookie","value":"^(.*; ?)?c=1(;.*)?$"}],"queryParams":[{"type":"Exact","name":"q","value":"2"}]}]}`},
		"istio, no match": {"istio", `{"timeout":"3s"}`,
			`{"timeout":"3s","match":[{"headers":{"x-t":{"exact":"a.b"},"cookie":{"regex":"^(.*; ?)?c=1(;.*)?$"}},"queryParams":{"q":{"exact":"2"}}}]}`},
		"traefik, an alternative and a priority": {"ingressroute", "{\"match\":\"Path(`/a`) || Path(`/b`)\",\"priority\":7}",
			"{\"match\":\"(Path(`/a`) || Path(`/b`)) && Header(`X-T`, `a.b`) && HeaderRegexp(`Cookie`, `^(.*; ?)?c=1(;.*)?$`) && Query(`q`, `2`)\",\"priority\":8}"},
		"traefik, no priority": {"ingressroute", "{\"match\":\"Path(`/a`)\"}",
			"{\"match\":\"(Path(`/a`)) && Header(`X-T`, `a.b`) && HeaderRegexp(`Cookie`, `^(.*; ?)?c=1(;.*)?$`) && Query(`q`, `2`)\",\"priority\":11}"},
		"kuma, names in lower case": {"kuma", `{"name":"n"}`,
			`{"name":"n","matches":[{"headers":[{"type":"Exact","name":"x-t","value":"a.b"},{"type":"RegularExpression","name":"cookie","value":"^(.*; ?)?c=1(;.*)?$"}],"queryParams":[{"type":"Exact","name":"q","value":"2"}]}]}`},
		"gateway, a rule with a name": {"gateway-api", `{"name":"n","matches":[{"headers":[{"name":"other","value":"1"}]}]}`,
			`{"matches":[{"headers":[{"name":"other","value":"1"},{"type":"Exact","name":"X-T","value":"a.b"},{"type":"RegularExpression","name":"Cookie","value":"^(.*; ?)?c=1(;.*)?$"}],"queryParams":[{"type":"Exact","name":"q","value":"2"}]}]}`},
		"contour": {"contour", `{"conditions":[{"prefix":"/a"}]}`,
			`{"conditions":[{"prefix":"/a"},{"header":{"name":"X-T","exact":"a.b"}},{"header":{"name":"Cookie","regex":"^(.*; ?)?c=1(;.*)?$"}},{"queryParameter":{"name":"q","exact":"2"}}]}`},
		"gloo": {"gloo-routetable", `{"matchers":[{"prefix":"/a"},{"exact":"/b"}]}`,
			`{"matchers":[{"prefix":"/a","headers":[{"name":"X-T","value":"a.b"},{"name":"cookie","value":"^(.*; ?)?c=1(;.*)?$","regex":true}],"queryParameters":[{"name":"q","value":"2"}]},
			 {"exact":"/b","headers":[{"name":"X-T","value":"a.b"},{"name":"cookie","value":"^(.*; ?)?c=1(;.*)?$","regex":true}],"queryParameters":[{"name":"q","value":"2"}]}]}`},
		"apisix": {"apisix", `{"name":"a","match":{"paths":["/a"]}}`,
			`{"name":"a-blue","priority":1,"match":{"paths":["/a"],"exprs":[{"subject":{"scope":"Header","name":"X-T"},"op":"Equal","value":"a.b"},
			 {"subject":{"scope":"Cookie","name":"c"},"op":"Equal","value":"1"},{"subject":{"scope":"Query","name":"q"},"op":"Equal","value":"2"}]}}`},
		"nginx": {"nginx-virtualserver", `{"conditions":[{"variable":"$request_method","value":"GET"}]}`,
			`{"conditions":[{"variable":"$request_method","value":"GET"},{"header":"X-T","value":"~^a\\.b$"},{"cookie":"c","value":"~^1$"},{"argument":"q","value":"~^2$"}]}`},
		"skipper": {"skipper-routegroup", `{"path":"/a","predicates":["Method(\"GET\")"]}`,
			`{"path":"/a","predicates":["Method(\"GET\")","HeaderRegexp(\"X-T\", \"^a\\\\.b$\")","Cookie(\"c\", \"^1$\")","QueryParam(\"q\", \"^2$\")","Weight(10)"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			rule := parse(t, tc.rule)
			got, err := Route{Row: rowNamed(t, tc.row)}.narrowed(rule, all)
			if err != nil {
				t.Fatal(err)
			}
			if want := parse(t, tc.want); !equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if !equal(rule, parse(t, tc.rule)) {
				t.Error("the rule itself was changed")
			}
		})
	}
}

// What a router would refuse, or take otherwise than meant, is told before it is written.
func TestRulesThatCannotBeNarrowed(t *testing.T) {
	x := blueprint.Match{Headers: map[string]string{"X-T": "1"}}
	cookies := blueprint.Match{Cookies: map[string]string{"a": "1", "b": "2"}}
	for name, tc := range map[string]struct {
		row, rule string
		match     blueprint.Match
		says      string
	}{
		"gateway, two cookies":       {"gateway-api", `{}`, cookies, "compares headers Cookie once only"},
		"gateway, the same header":   {"gateway-api", `{"matches":[{"headers":[{"name":"x-t","value":"0"}]}]}`, x, "compares headers X-T once only"},
		"istio, two cookies":         {"istio", `{}`, cookies, "compares headers cookie once only"},
		"istio, the same header":     {"istio", `{"match":[{"headers":{"x-t":{"exact":"0"}}}]}`, x, "compares headers x-t once only"},
		"contour, the same header":   {"contour", `{"conditions":[{"header":{"name":"x-t","exact":"0"}}]}`, x, "compares header X-T once only"},
		"traefik, the old language":  {"ingressroute", `{"match":"Path(1)","syntax":"v2"}`, x, "take syntax: v2 out"},
		"nginx, a cookie's name":     {"nginx-virtualserver", `{}`, blueprint.Match{Cookies: map[string]string{"a-b": "1"}}, `can't compare cookie a-b with "1"`},
		"nginx, a value with quotes": {"nginx-virtualserver", `{}`, blueprint.Match{Headers: map[string]string{"A": `"`}}, `can't compare header A`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Route{Row: rowNamed(t, tc.row), Namespace: "ns", Name: "r"}.narrowed(parse(t, tc.rule), tc.match)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// An action's conditions have little room, and its name has little, too.
func TestActionsThatCannotBe(t *testing.T) {
	object := func(action, more string) string {
		return `{"metadata":{"annotations":{"alb.ingress.kubernetes.io/actions.` + action + `":"{\"forwardConfig\":{\"targetGroups\":[{\"serviceName\":\"svc\"}]}}"}},
			"spec":{"rules":[{"http":{"paths":[{"path":"/","backend":{"service":{"name":"` + action + `","port":{"name":"use-annotation"}}}}]}}]` + more + `}}`
	}
	x := map[string]string{"X-T": "1"}
	for name, tc := range map[string]struct {
		object  string
		headers map[string]string
		says    string
	}{
		"three headers":     {object("go", ""), map[string]string{"a": "1", "b": "1", "c": "1"}, "room for 2 conditions"},
		"the host":          {object("go", ""), map[string]string{"Host": "x"}, "can't choose by header Host"},
		"a long name":       {object(strings.Repeat("a", 50), ""), x, "would be too long"},
		"a default backend": {object("go", `,"defaultBackend":{"service":{"name":"go","port":{"name":"use-annotation"}}}`), x, "give it a path"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Route{Row: rowNamed(t, "aws-alb"), Namespace: "ns", Name: "r", Component: "svc", Green: "svc", Blue: "svc-blue", Original: []byte(tc.object),
				Choice: Choice{Match: &blueprint.Match{Headers: tc.headers}}}
			if _, err := r.layeredShift(parse(t, tc.object), parse(t, tc.object), 0); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// A choice is no part of what is restored, wherever in the rollout it is taken back.
func TestChoicesLeaveNothing(t *testing.T) {
	const object = `{"metadata":{"name":"r"},"spec":{"rules":[
		{"matches":[{"path":{"type":"PathPrefix","value":"/a"}}],"filters":[{"type":"RequestMirror","requestMirror":{"backendRef":{"name":"other"}}}],
		 "backendRefs":[{"name":"svc","port":80,"weight":100},{"name":"other","weight":300}]},
		{"backendRefs":[{"name":"other","weight":1}]},
		{"matches":[{"path":{"type":"PathPrefix","value":"/b"}}],"backendRefs":[{"name":"svc","port":80,"weight":1}]}]}}`
	testers := &blueprint.Match{Headers: map[string]string{"X-T": "1"}}
	for row, choices := range map[string][]Choice{
		"gateway-api":           {{Match: testers}, {Match: &blueprint.Match{Query: map[string]string{"q": "1"}}, Mirror: 5}, {Sticky: true}, {Match: testers, Mirror: 100}, {}},
		"gateway-api-grpcroute": {{Match: testers}, {Match: &blueprint.Match{Cookies: map[string]string{"q": "1"}}, Mirror: 5}, {Sticky: true}, {Match: testers, Sticky: true, Mirror: 100}, {}},
	} {
		t.Run(row, func(t *testing.T) { choicesLeaveNothing(t, row, object, choices) })
	}
}

func choicesLeaveNothing(t *testing.T, row, object string, choices []Choice) {
	r := Route{Row: rowNamed(t, row), Session: "food-1", Namespace: "ns", Name: "r", Component: "svc", Green: "svc", Blue: "svc-blue", Original: []byte(object)}
	routes, err := Choose([]Route{r}, Rows(), choices)
	if err != nil {
		t.Fatal(err)
	}
	r = routes[0]
	original := parse(t, object)
	now := parse(t, object)
	for i, percent := range []int{0, 1, 50, 0, 100, 10} {
		r.Choice = choices[i%len(choices)]
		ops, err := r.layeredShift(original, now, percent)
		if err != nil {
			t.Fatal(err)
		}
		if now, err = applied(now, ops); err != nil {
			t.Fatal(err)
		}
		clean, _, err := r.bare(now)
		if err != nil {
			t.Fatal(err)
		}
		if got, known := r.share(clean).Percent(); !known || got != percent {
			t.Errorf("phase %d has %d%% (%t), want %d%%", i, got, known, percent)
		}
		rules, _ := at(now, "spec.rules")
		want := 3
		if r.Choice.Match != nil {
			want += 2
		}
		if r.Choice.Sticky && row == "gateway-api" {
			want += 4
		}
		if got := len(rules.([]any)); got != want {
			t.Errorf("phase %d has %d rules, want %d", i, got, want)
		}
		if again, err := r.layeredShift(original, now, percent); err != nil || len(again) > 0 {
			t.Errorf("phase %d again changes %v: %v", i, again, err)
		}
		back, err := r.layeredRevert(original, now)
		if err != nil {
			t.Fatal(err)
		}
		if restored, err := applied(now, back); err != nil || !equal(restored, original) {
			t.Errorf("phase %d is restored to %v: %v", i, restored, err)
		}
	}
}

// Where rules of a router have cases, or backends in common, chosen requests are led to blue from each that leads to green.
func TestWhereChosenRequestsAreLed(t *testing.T) {
	for name, tc := range map[string]struct{ row, object, list, want string }{
		"nginx, a route without cases": {"nginx-virtualserver", `{"spec":{"upstreams":[{"name":"u","service":"svc","port":80}],"routes":[{"path":"/","action":{"pass":"u"}}]}}`,
			"spec.routes.0.matches", `[{"conditions":[{"header":"X-T","value":"~^1$"}],"action":{"pass":"u-blue"}}]`},
		"nginx, cases": {"nginx-virtualserver", `{"spec":{"upstreams":[{"name":"u","service":"svc","port":80},{"name":"x","service":"other","port":80}],"routes":[{"path":"/","action":{"pass":"u"},"matches":[
				{"conditions":[{"argument":"a","value":"1"}],"action":{"pass":"x"}},
				{"conditions":[{"argument":"b","value":"1"}],"splits":[{"weight":90,"action":{"pass":"u"}},{"weight":10,"action":{"pass":"x"}}]}]}]}}`,
			"spec.routes.0.matches", `[
				{"conditions":[{"argument":"a","value":"1"}],"action":{"pass":"x"}},
				{"conditions":[{"argument":"b","value":"1"},{"header":"X-T","value":"~^1$"}],"action":{"pass":"u-blue"}},
				{"conditions":[{"argument":"b","value":"1"}],"splits":[{"weight":90,"action":{"pass":"u"}},{"weight":10,"action":{"pass":"x"}}]},
				{"conditions":[{"header":"X-T","value":"~^1$"}],"action":{"pass":"u-blue"}}]`},
		"skipper, backends in common": {"skipper-routegroup", `{"spec":{"backends":[{"name":"u","type":"service","serviceName":"svc","servicePort":80},{"name":"x","type":"shunt"}],
				"defaultBackends":[{"backendName":"u"}],"routes":[{"path":"/a"},{"path":"/b","backends":[{"backendName":"x"}]},{"path":"/c"}]}}`,
			"spec.routes", `[
				{"path":"/a","predicates":["HeaderRegexp(\"X-T\", \"^1$\")","Weight(10)"],"backends":[{"backendName":"u-blue"}]},{"path":"/a"},
				{"path":"/b","backends":[{"backendName":"x"}]},
				{"path":"/c","predicates":["HeaderRegexp(\"X-T\", \"^1$\")","Weight(10)"],"backends":[{"backendName":"u-blue"}]},{"path":"/c"}]`},
		"alb, the path and the conditions of an action": {"aws-alb", `{"metadata":{"annotations":{
				"alb.ingress.kubernetes.io/actions.go": "{\"type\": \"forward\", \"forwardConfig\": {\"targetGroups\": [{\"serviceName\": \"svc\", \"servicePort\": 80}]}}",
				"alb.ingress.kubernetes.io/conditions.go": "[{\"field\": \"source-ip\"}]"}},
				"spec":{"rules":[{"http":{"paths":[{"path":"/","backend":{"service":{"name":"go","port":{"name":"use-annotation"}}}},{"path":"/x","backend":{"service":{"name":"x","port":{"number":80}}}}]}}]}}`,
			"metadata.annotations", `{
				"alb.ingress.kubernetes.io/actions.go": "{\"type\": \"forward\", \"forwardConfig\": {\"targetGroups\": [{\"serviceName\": \"svc\", \"servicePort\": 80}]}}",
				"alb.ingress.kubernetes.io/actions.dro-svc-go": "{\"forwardConfig\":{\"targetGroups\":[{\"serviceName\":\"svc-blue\",\"servicePort\":80}]},\"type\":\"forward\"}",
				"alb.ingress.kubernetes.io/conditions.dro-svc-go": "[{\"field\":\"source-ip\"},{\"field\":\"http-header\",\"httpHeaderConfig\":{\"httpHeaderName\":\"X-T\",\"values\":[\"1\"]}}]",
				"alb.ingress.kubernetes.io/conditions.go": "[{\"field\": \"source-ip\"}]"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := Choice{Match: &blueprint.Match{Headers: map[string]string{"X-T": "1"}}}
			r := Route{Row: rowNamed(t, tc.row), Namespace: "ns", Name: "r", Component: "svc", Green: "svc", Blue: "svc-blue",
				Original: []byte(tc.object), Choices: []Choice{c}, Choice: c}
			original := parse(t, tc.object)
			ops, err := r.layeredShift(original, parse(t, tc.object), 0)
			if err != nil {
				t.Fatal(err)
			}
			now, err := applied(original, ops)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := at(now, tc.list); !equal(got, parse(t, `{"v":`+tc.want+`}`)["v"]) {
				t.Errorf("got  %s\nwant %s", text(t, map[string]any{"v": got}), tc.want)
			}
			back, err := r.layeredRevert(original, now)
			if err != nil {
				t.Fatal(err)
			}
			if restored, err := applied(now, back); err != nil || !equal(restored, original) {
				t.Errorf("it is restored to %v: %v", restored, err)
			}
		})
	}
}

// Stickiness like dro's that was there before is not dro's.
func TestStickinessThatWasThere(t *testing.T) {
	const object = `{"metadata":{"annotations":{"alb.ingress.kubernetes.io/actions.go":
		"{\"forwardConfig\":{\"targetGroups\":[{\"serviceName\":\"svc\"}],\"targetGroupStickinessConfig\":{\"enabled\":true,\"durationSeconds\":86400}}}"}}}`
	c := Choice{Sticky: true}
	r := Route{Row: rowNamed(t, "aws-alb"), Namespace: "ns", Name: "r", Component: "svc", Green: "svc", Blue: "svc-blue", Original: []byte(object),
		Choices: []Choice{c}, Choice: c}
	now, original := parse(t, object), parse(t, object)
	for _, percent := range []int{10, 100} {
		ops, err := r.layeredShift(original, now, percent)
		if err != nil {
			t.Fatal(err)
		}
		if now, err = applied(now, ops); err != nil || !strings.Contains(text(t, now), "86400") {
			t.Errorf("%d%%: %s (%v)", percent, text(t, now), err)
		}
	}
	back, err := r.layeredRevert(original, now)
	if err != nil {
		t.Fatal(err)
	}
	if restored, err := applied(now, back); err != nil || text(t, restored) != text(t, original) {
		t.Errorf("it is restored to %s: %v", text(t, restored), err)
	}
}

// Stickiness that is switched off is somebody's decision.
func TestStickinessThatIsOff(t *testing.T) {
	const object = `{"metadata":{"annotations":{"alb.ingress.kubernetes.io/actions.go":
		"{\"forwardConfig\":{\"targetGroups\":[{\"serviceName\":\"svc\"}],\"targetGroupStickinessConfig\":{\"enabled\":false}}}"}}}`
	r := Route{Row: rowNamed(t, "aws-alb"), Namespace: "ns", Name: "r", Component: "svc", Green: "svc", Blue: "svc-blue", Choice: Choice{Sticky: true}}
	if _, err := r.layeredShift(parse(t, object), parse(t, object), 10); err == nil || !strings.Contains(err.Error(), "switches stickiness off") {
		t.Errorf("the error is %v", err)
	}
}

// A mirror is a copy: it is no backend with a share, others' stay, and where there can be only one it is not replaced.
func TestMirrors(t *testing.T) {
	for name, tc := range map[string]struct{ row, object, want, says string }{
		"contour": {"contour", `{"spec":{"routes":[{"services":[{"name":"svc","port":80}]}]}}`,
			`{"spec":{"routes":[{"services":[{"name":"svc","port":80},{"name":"svc-blue","port":80,"mirror":true,"weight":10}]}]}}`, ""},
		"contour, another's": {"contour", `{"spec":{"routes":[{"services":[{"name":"svc","port":80},{"name":"x","port":80,"mirror":true}]}]}}`, "",
			"route 0 copies its requests to another service already"},
		"kuma": {"kuma", `{"spec":{"to":[{"rules":[{"default":{"backendRefs":[{"kind":"MeshService","name":"svc","port":80,"weight":1}]}}]}]}}`,
			`{"spec":{"to":[{"rules":[{"default":{"backendRefs":[{"kind":"MeshService","name":"svc","port":80,"weight":1}],
				"filters":[{"type":"RequestMirror","requestMirror":{"percentage":10,"backendRef":{"kind":"MeshService","name":"svc-blue","port":80}}}]}}]}]}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := Route{Row: rowNamed(t, tc.row), Namespace: "ns", Name: "r", Component: "svc", Green: "svc", Blue: "svc-blue", Choice: Choice{Mirror: 10}}
			object := parse(t, tc.object)
			ops, err := r.mirrored(object)
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("the error lacks %q: %v", tc.says, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			now, err := applied(object, ops)
			if err != nil || !equal(now, parse(t, tc.want)) {
				t.Errorf("got  %v\nwant %v (%v)", now, tc.want, err)
			}
			if back, err := applied(now, r.unmirrored(object, now)); err != nil || !equal(back, object) {
				t.Errorf("it is taken back to %v: %v", back, err)
			}
		})
	}
}

// A rule of dro's that someone made their own is led to green again, as whatever else names blue.
func TestEditedChoice(t *testing.T) {
	const object = `{"spec":{"rules":[{"backendRefs":[{"name":"svc","weight":1}]}]}}`
	c := Choice{Match: &blueprint.Match{Headers: map[string]string{"X-T": "1"}}}
	r := Route{Row: rowNamed(t, "gateway-api"), Namespace: "ns", Name: "r", Component: "svc", Green: "svc", Blue: "svc-blue",
		Original: []byte(object), Choices: []Choice{c}, Choice: c}
	ops, err := r.layeredShift(parse(t, object), parse(t, object), 0)
	if err != nil {
		t.Fatal(err)
	}
	now, err := applied(parse(t, object), ops)
	if err != nil {
		t.Fatal(err)
	}
	put(now["spec"].(map[string]any)["rules"].([]any)[0], steps{"timeouts"}, map[string]any{"request": "1s"})
	ops, err = r.layeredRevert(parse(t, object), now)
	if err != nil {
		t.Fatal(err)
	}
	if now, err = applied(now, ops); err != nil || r.pointsAt(now, blue) {
		t.Errorf("blue is still in %v: %v", now, err)
	}
}

func TestChoiceThatARouterCantMake(t *testing.T) {
	r := Route{Namespace: "ns", Name: "r", Original: []byte("{}")}
	for name, tc := range map[string]struct {
		row    string
		choice Choice
		want   []string
	}{
		"labels, gateway":                   {"gateway-api", Choice{Match: &blueprint.Match{SourceLabels: map[string]string{"a": "b"}}}, []string{"httproute ns/r", "sourceLabels", "routers that can: istio"}},
		"anything, openshift":               {"openshift", Choice{Match: &blueprint.Match{Headers: map[string]string{"a": "b"}}}, []string{"route ns/r", "headers", "gateway-api", "ingress-nginx"}},
		"sticky, contour":                   {"contour", Choice{Sticky: true}, []string{"httpproxy ns/r", "sticky", "traefikservice"}},
		"sticky and a query, gateway":       {"gateway-api", Choice{Sticky: true, Match: &blueprint.Match{Query: map[string]string{"v": "2"}}}, []string{"httproute ns/r", "asks for cookies before it looks at queries"}},
		"sticky and mirror, gateway":        {"gateway-api", Choice{Sticky: true, Mirror: 1}, []string{"httproute ns/r", "by a cookie would not be copied"}},
		"mirror, knative":                   {"knative", Choice{Mirror: 1}, []string{"service ns/r", "mirror", "gateway-api, gateway-api-grpcroute, istio"}},
		"sticky, an nginx without a cookie": {"ingress-nginx", Choice{Sticky: true}, []string{"ingress ns/r", "affinity: cookie"}},
		"cookies, alb":                      {"aws-alb", Choice{Match: &blueprint.Match{Cookies: map[string]string{"a": "b"}}}, []string{"ingress ns/r", "cookies", "routers that can: gateway-api"}},
		"two headers, nginx":                {"ingress-nginx", Choice{Match: &blueprint.Match{Headers: map[string]string{"a": "b", "c": "d"}}}, []string{"ingress ns/r", "one header"}},
		"a cookie, nginx":                   {"ingress-nginx", Choice{Match: &blueprint.Match{Cookies: map[string]string{"a": "b"}}}, []string{"ingress ns/r", "{a: always}"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := r
			r.Row = rowNamed(t, tc.row)
			_, err := Choose([]Route{r}, Rows(), []Choice{tc.choice})
			for _, word := range tc.want {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("the error lacks %q: %v", word, err)
				}
			}
		})
	}
}
