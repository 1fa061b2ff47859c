package traffic

// Rows are the routers dro knows. docs/routers.md is made from them.
func Rows() []Row {
	var all []Row
	for _, some := range [][]Row{gatewayRows(), meshRows(), traefikRows(), proxyRows(), ingressRows(), platformRows()} {
		all = append(all, some...)
	}
	for i, row := range all {
		all[i].Can.Match, all[i].Can.Sticky, all[i].Can.Mirror = row.Choosing.Match != "", row.Choosing.Sticky != "", row.Choosing.Mirror != ""
	}
	return all
}

var (
	// asService holds for a reference to an object that is a Service unless it says otherwise.
	asService = []Is{
		{Path: "kind", Values: []string{"Service"}},
		{Path: "group", Values: []string{"", "core"}},
		{Path: "namespace", Values: []string{"."}},
	}
	// asHost is how a Service is named where any host name may stand.
	asHost = []string{"{name}", "{name}.{namespace}", "{name}.{namespace}.svc", "{name}.{namespace}.svc.{domain}"}
)

// gatewayRows are the routes of the Gateway API, whichever gateway serves them, and Linkerd's own copy of HTTPRoute.
func gatewayRows() []Row {
	route := func(name, kind, resource string, tcp bool, versions ...string) Row {
		return Row{
			Name: name, Title: "Gateway API " + kind, Kind: kind,
			Group: "gateway.networking.k8s.io", Version: versions[0], Older: versions[1:], Resource: resource,
			Lists:   []List{{Path: "spec.rules[*].backendRefs"}},
			Service: []string{"name"}, Is: asService, Port: "port", Weight: "weight", Absent: 1, Rules: 16,
			Observed: Observed{
				Wanted: "spec.parentRefs", Reported: "status.parents", Parent: "parentRef",
				True: []string{"Accepted", "ResolvedRefs"},
			},
			Can:  Can{Weights: true, TCP: tcp},
			Docs: "https://gateway-api.sigs.k8s.io/guides/traffic-splitting/",
		}
	}
	linkerd := route("linkerd", "HTTPRoute", "httproutes", false, "v1beta3", "v1beta2", "v1beta1")
	linkerd.Title, linkerd.Group = "Linkerd HTTPRoute", "policy.linkerd.io"
	linkerd.Docs = "https://linkerd.io/2/reference/httproute/"
	linkerd.Choosing = Choosing{Match: gatewayMatch, By: []string{byHeaders, byCookies, byQuery}}
	http := route("gateway-api", "HTTPRoute", "httproutes", false, "v1", "v1beta1")
	http.Note = "also the way of Kong, Linkerd, NGINX Gateway Fabric, Envoy Gateway, Cilium and every other gateway that serves it"
	http.Choosing = linkerd.Choosing
	http.Choosing.Mirror, http.Choosing.Sticky = gatewayMirror, cookieSticky
	grpc := route("gateway-api-grpcroute", "GRPCRoute", "grpcroutes", false, "v1", "v1alpha2")
	grpc.Choosing = Choosing{Match: gatewayMatch, By: []string{byHeaders, byCookies}, Mirror: gatewayMirror, Sticky: gatewaySticky}
	return []Row{
		http,
		grpc,
		route("gateway-api-tlsroute", "TLSRoute", "tlsroutes", true, "v1", "v1alpha3", "v1alpha2"),
		route("gateway-api-tcproute", "TCPRoute", "tcproutes", true, "v1", "v1alpha2"),
		linkerd,
	}
}

// meshRows are the service meshes' own.
func meshRows() []Row {
	return []Row{
		{
			Name: "istio", Title: "Istio VirtualService", Kind: "VirtualService",
			Group: "networking.istio.io", Version: "v1", Older: []string{"v1beta1", "v1alpha3"}, Resource: "virtualservices",
			Lists:   []List{{Path: "spec.http[*].route"}, {Path: "spec.tls[*].route"}, {Path: "spec.tcp[*].route"}},
			Service: []string{"destination.host"}, Names: asHost, Port: "destination.port.number", Weight: "weight", Lone: true,
			Drop:     []string{"destination.subset"},
			Observed: Observed{Seconds: 2},
			Choosing: Choosing{Match: istioMatch, By: []string{byHeaders, byCookies, byQuery, byLabels}, Within: "spec.http", Mirror: istioMirror, Sticky: cookieSticky},
			Can:      Can{Weights: true, TCP: true},
			Note:     "delegates are found like any other; green may be named with a subset of a DestinationRule, blue is named by its own host",
			Docs:     "https://istio.io/latest/docs/reference/config/networking/virtual-service/",
		},
		{
			Name: "kuma", Title: "Kuma MeshHTTPRoute", Kind: "MeshHTTPRoute",
			Group: "kuma.io", Version: "v1alpha1", Resource: "meshhttproutes",
			Lists:   []List{{Path: "spec.to[*].rules[*].default.backendRefs"}},
			Service: []string{"name"}, Names: []string{"{name}", "{name}_{namespace}_svc_{port}"}, Port: "port", Weight: "weight", Absent: 1,
			Is:       []Is{{Path: "kind", Values: []string{"MeshService"}, Must: true}, {Path: "namespace", Values: []string{"."}}},
			Observed: Observed{Seconds: 2},
			Choosing: Choosing{Match: kumaMatch, By: []string{byHeaders, byCookies, byQuery}, Mirror: kumaMirror},
			Can:      Can{Weights: true},
			Docs:     "https://kuma.io/docs/latest/policies/meshhttproute/",
		},
		{
			Name: "smi", Title: "SMI TrafficSplit", Kind: "TrafficSplit",
			Group: "split.smi-spec.io", Version: "v1alpha4", Older: []string{"v1alpha3", "v1alpha2"}, Resource: "trafficsplits",
			Lists:   []List{{Path: "spec.backends"}},
			Service: []string{"service"}, Names: asHost, Weight: "weight",
			Observed: Observed{Seconds: 2},
			Can:      Can{Weights: true},
			Docs:     "https://github.com/servicemeshinterface/smi-spec/blob/main/apis/traffic-split/v1alpha4/traffic-split.md",
		},
	}
}

// traefikRows are Traefik's custom resources. It reports on none of them; it looks for changes every two seconds.
func traefikRows() []Row {
	route := func(name, kind, resource, docs string, list List) Row {
		return Row{
			Name: name, Title: "Traefik " + kind, Kind: kind,
			Group: "traefik.io", Version: "v1alpha1", Resource: resource,
			Lists: []List{list}, Service: []string{"name"}, Port: "port", Weight: "weight", Absent: 1,
			Is:       []Is{{Path: "kind", Values: []string{"Service"}}, {Path: "namespace", Values: []string{"."}}},
			Observed: Observed{Seconds: 3},
			Can:      Can{Weights: true},
			Docs:     "https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/crd/" + docs,
		}
	}
	service := route("traefikservice", "TraefikService", "traefikservices", "http/traefikservice/", List{Path: "spec.weighted.services"})
	http := route("ingressroute", "IngressRoute", "ingressroutes", "http/ingressroute/", List{Path: "spec.routes[*].services"})
	tcp := route("ingressroutetcp", "IngressRouteTCP", "ingressroutetcps", "tcp/ingressroutetcp/", List{Path: "spec.routes[*].services"})
	http.Lone, tcp.Lone, tcp.Can.TCP = true, true, true
	http.Choosing = Choosing{Match: traefikMatch, By: []string{byHeaders, byCookies, byQuery}}
	service.Choosing = Choosing{Sticky: traefikSticky}
	return []Row{service, http, tcp}
}

// proxyRows are the custom resources of other ingress controllers and API gateways.
func proxyRows() []Row {
	return []Row{
		{
			Name: "contour", Title: "Contour HTTPProxy", Kind: "HTTPProxy",
			Group: "projectcontour.io", Version: "v1", Resource: "httpproxies",
			Lists:   []List{{Path: "spec.routes[*].services"}, {Path: "spec.tcpproxy.services"}},
			Service: []string{"name"}, Port: "port", Weight: "weight", Even: true, Lone: true,
			Aside:    []Is{{Path: "mirror", Values: []string{"true"}}},
			Observed: Observed{Conditions: "status.conditions", True: []string{"Valid"}},
			Choosing: Choosing{Match: contourMatch, By: []string{byHeaders, byCookies, byQuery}, Within: "spec.routes", Mirror: contourMirror},
			Can:      Can{Weights: true, TCP: true},
			Docs:     "https://projectcontour.io/docs/main/config/request-routing/",
		},
		virtualServer(),
		{
			Name: "apisix", Title: "Apache APISIX ApisixRoute", Kind: "ApisixRoute",
			Group: "apisix.apache.org", Version: "v2", Resource: "apisixroutes",
			Lists:   []List{{Path: "spec.http[*].backends"}},
			Service: []string{"serviceName"}, Port: "servicePort", Weight: "weight", Absent: 100,
			Observed: Observed{Seconds: 3},
			Choosing: Choosing{Match: apisixMatch, By: []string{byHeaders, byCookies, byQuery}},
			Can:      Can{Weights: true},
			Docs:     "https://apisix.apache.org/docs/ingress-controller/1.8.0/concepts/apisix_route/",
		},
		gloo("gloo-routetable", "RouteTable", "routetables", "spec.routes[*].routeAction.multi.destinations"),
		gloo("gloo-virtualservice", "VirtualService", "virtualservices", "spec.virtualHost.routes[*].routeAction.multi.destinations"),
		{
			Name: "skipper-routegroup", Title: "Skipper RouteGroup", Kind: "RouteGroup",
			Group: "zalando.org", Version: "v1", Resource: "routegroups",
			Lists:   []List{{Path: "spec.defaultBackends", Heirs: "spec.routes[*].backends"}, {Path: "spec.routes[*].backends"}},
			Service: []string{"backendName"}, Weight: "weight", Even: true, Lone: true,
			Via:      &Via{List: "spec.backends", Name: "name", Service: "serviceName", Port: "servicePort"},
			Observed: Observed{Seconds: 5},
			Choosing: Choosing{Match: skipperMatch, By: []string{byHeaders, byCookies, byQuery}},
			Can:      Can{Weights: true},
			Docs:     "https://opensource.zalando.com/skipper/kubernetes/routegroups/",
		},
		{
			Name: "emissary", Title: "Emissary-ingress Mapping", Kind: "Mapping",
			Group: "getambassador.io", Version: "v3alpha1", Older: []string{"v2"}, Resource: "mappings",
			Form:    TwinForm,
			Service: []string{"spec.service"}, Names: append(withPort(asHost), withPort([]string{"http://{name}", "http://{name}.{namespace}"})...),
			Twin:     &Twin{Weight: []string{"spec", "weight"}},
			Observed: Observed{Seconds: 3, State: "status.state", Bad: []string{"Inactive"}, Message: "status.reason"},
			Choosing: Choosing{Match: mappingMatch, By: []string{byHeaders, byCookies, byQuery}, Mirror: mappingMirror},
			Can:      Can{Weights: true},
			Note:     "blue gets a Mapping of its own with a weight; green's keeps the remainder",
			Docs:     "https://emissary-ingress.dev/docs/3.10/topics/using/canary/",
		},
	}
}

func virtualServer() Row {
	return Row{
		Name: "nginx-virtualserver", Title: "NGINX Inc. VirtualServer", Kind: "VirtualServer",
		Group: "k8s.nginx.org", Version: "v1", Resource: "virtualservers",
		Lists: []List{
			{Path: "spec.routes[*].splits", Single: "action", As: "action", Cases: "matches"},
			{Path: "spec.routes[*].matches[*].splits", Single: "action", As: "action"},
		},
		Service: []string{"action.pass", "action.proxy.upstream"}, Weight: "weight", Lone: true, Total: 100,
		Via:      &Via{List: "spec.upstreams", Name: "name", Service: "service", Port: "port"},
		Observed: Observed{Seconds: 2, State: "status.state", Bad: []string{"Invalid"}, Message: "status.message"},
		Choosing: Choosing{Match: nginxMatch, By: []string{byHeaders, byCookies, byQuery}},
		Can:      Can{Weights: true},
		Docs:     "https://docs.nginx.com/nginx-ingress-controller/configuration/virtualserver-and-virtualserverroute-resources/#split",
	}
}

func gloo(name, kind, resource, list string) Row {
	group := "gateway.solo.io"
	return Row{
		Name: name, Title: "Gloo " + kind, Kind: kind, Group: group, Version: "v1", Resource: resource,
		Lists:   []List{{Path: list, Single: "routeAction.single", As: "destination"}},
		Service: []string{"destination.kube.ref.name"}, Port: "destination.kube.port", Weight: "weight", Lone: true,
		Is:       []Is{{Path: "destination.kube.ref.namespace", Values: []string{"."}}},
		Observed: Observed{Seconds: 3},
		Choosing: Choosing{Match: glooMatch, By: []string{byHeaders, byCookies, byQuery}},
		Can:      Can{Weights: true},
		Note:     "destinations of kind kube; a discovered Upstream is not followed",
		Docs:     "https://docs.solo.io/gloo-edge/latest/guides/traffic_management/destination_types/multi_destination/",
	}
}

// withPort allows a port after each name.
func withPort(names []string) []string {
	all := append([]string{}, names...)
	for _, n := range names {
		all = append(all, n+":{port}")
	}
	return all
}

// ingressRows are the Ingresses whose controller has weights of its own beside the API.
func ingressRows() []Row {
	ingress := func(row Row) Row {
		row.Kind, row.Group, row.Version, row.Resource = "Ingress", "networking.k8s.io", "v1", "ingresses"
		row.Can = Can{Weights: true}
		return row
	}
	return []Row{
		ingress(Row{
			Name: "ingress-nginx", Title: "ingress-nginx canary Ingress", Form: TwinForm,
			Class: &Class{Controller: "k8s.io/ingress-nginx", Name: "nginx"},
			Lists: []List{{Path: "spec.rules[*].http.paths"}}, Service: []string{"backend.service.name"}, Port: "backend.service.port.number",
			Twin: &Twin{
				Annotations: map[string]string{"nginx.ingress.kubernetes.io/canary": "true"},
				Weight:      []string{"metadata", "annotations", "nginx.ingress.kubernetes.io/canary-weight"}, Text: true,
				Keep: []string{"ingressClassName", "rules"},
			},
			Observed: Observed{Seconds: 3},
			Choosing: Choosing{Match: canaryMatch, By: []string{byHeaders, byCookies}, Sticky: affinitySticky},
			Note:     "blue gets a canary Ingress of its own; green's is not written",
			Docs:     "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary",
		}),
		ingress(Row{
			Name: "aws-alb", Title: "AWS Load Balancer Controller Ingress",
			Decode:  "alb.ingress.kubernetes.io/actions.",
			Lists:   []List{{Path: "metadata.annotations[*].forwardConfig.targetGroups"}},
			Service: []string{"serviceName"}, Port: "servicePort", Weight: "weight", Absent: 1, Lone: true,
			Observed: Observed{Seconds: 10},
			Choosing: Choosing{Match: actionMatch, By: []string{byHeaders, byQuery}, Sticky: albSticky},
			Note:     "the action is JSON in an annotation; only its target groups are written; headers are compared without regard to case",
			Docs:     "https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#actions",
		}),
		ingress(Row{
			Name: "skipper-ingress", Title: "Skipper Ingress",
			Class: &Class{Name: "skipper"}, Decode: "zalando.org/backend-weights", Weights: "zalando.org/backend-weights",
			Lists:   []List{{Path: "spec.rules[*].http.paths", Group: "path"}},
			Service: []string{"backend.service.name"}, Port: "backend.service.port.number", Even: true, Lone: true,
			Observed: Observed{Seconds: 5},
			Note:     "the weights are JSON in an annotation, by Service; blue gets a path beside each of green's",
			Docs:     "https://opensource.zalando.com/skipper/kubernetes/ingress-usage/",
		}),
	}
}

// platformRows come with a platform, or with Kubernetes itself.
func platformRows() []Row {
	return []Row{
		{
			Name: "knative", Title: "Knative Service", Kind: "Service",
			Group: "serving.knative.dev", Version: "v1", Resource: "services",
			Lists:   []List{{Path: "spec.traffic"}},
			Service: []string{"revisionName"}, Weight: "percent", Total: 100,
			Observed: Observed{Generation: "status.observedGeneration", Conditions: "status.conditions", True: []string{"RoutesReady"}},
			Can:      Can{Weights: true},
			Note:     "a slot is the Service of a revision, and is named like the revision",
			Docs:     "https://knative.dev/docs/serving/traffic-management/",
		},
		{
			Name: "openshift", Title: "OpenShift Route", Kind: "Route",
			Group: "route.openshift.io", Version: "v1", Resource: "routes",
			Lists:   []List{{Path: "spec.alternateBackends", First: "spec.to"}},
			Service: []string{"name"}, Weight: "weight", Absent: 100,
			Is:       []Is{{Path: "kind", Values: []string{"Service"}}},
			Observed: Observed{Seconds: 3},
			Can:      Can{Weights: true, TCP: true},
			Docs:     "https://docs.okd.io/latest/applications/deployments/route-based-deployment-strategies.html",
		},
		{
			Name: "service", Title: "Kubernetes Service, label switch", Kind: "Service", Version: "v1", Resource: "services",
			Form: SwitchForm, Observed: Observed{Seconds: 3}, Can: Can{TCP: true},
			Note: "only when the blueprint says router: service; for clusters without a router",
			Docs: "https://kubernetes.io/docs/concepts/services-networking/service/",
		},
		{
			Name: "replicas", Title: "Kubernetes Service over both slots", Kind: "Service", Version: "v1", Resource: "services",
			Form: ReplicasForm, Observed: Observed{Seconds: 3}, Can: Can{Weights: true, TCP: true},
			Shares: "the nearest that whole pods make: one of blue's beside four of green's is 20 %",
			Note:   "only when the blueprint says router: replicas; for clusters without a router",
			Docs:   "https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/",
		},
	}
}
