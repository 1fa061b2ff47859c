package gateway

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// cluster is what the gateway has seen of the cluster, at one moment.
type cluster struct {
	classes    []*gwv1.GatewayClass
	gateways   []*gwv1.Gateway
	routes     []*gwv1.HTTPRoute
	grants     []*gwv1.ReferenceGrant
	namespaces map[string]map[string]string // labels by name
	services   map[types.NamespacedName]*corev1.Service
	slices     map[types.NamespacedName][]*discoveryv1.EndpointSlice // by Service
}

// compiler holds one compilation's input and what it has made so far.
type compiler struct {
	cluster
	address  string // reported as the gateways' address
	now      metav1.Time
	seriesOf func(route, backend types.NamespacedName) *series

	mine     map[types.NamespacedName]*gwv1.Gateway
	attached map[listenerKey]int32 // accepted routes of each listener
	hosts    map[string][]entry
	stale    stale
}

type listenerKey struct {
	gateway  types.NamespacedName
	listener gwv1.SectionName
}

// compile turns the cluster's objects into the routing table, and into the objects whose status says something else.
func (c *compiler) compile() (*table, stale) {
	c.mine = map[types.NamespacedName]*gwv1.Gateway{}
	c.attached = map[listenerKey]int32{}
	c.hosts = map[string][]entry{}
	classes := map[gwv1.ObjectName]bool{}
	for _, class := range c.classes {
		if class.Spec.ControllerName == ControllerName {
			classes[gwv1.ObjectName(class.Name)] = true
			c.reportClass(class)
		}
	}
	for _, g := range c.gateways {
		if classes[g.Spec.GatewayClassName] {
			c.mine[types.NamespacedName{Namespace: g.Namespace, Name: g.Name}] = g
		}
	}
	for _, r := range c.routes {
		c.addRoute(r)
	}
	for name, g := range c.mine {
		c.reportGateway(name, g)
	}
	return newTable(c.hosts), c.stale
}

// addRoute puts an accepted route under every hostname that it has at the listeners it is attached to.
func (c *compiler) addRoute(route *gwv1.HTTPRoute) {
	name := types.NamespacedName{Namespace: route.Namespace, Name: route.Name}
	entries, refs, refused := c.compileRules(name, route)
	hosts := map[string]bool{}
	var parents []parent
	for _, ref := range route.Spec.ParentRefs {
		key, g := c.parentGateway(route.Namespace, ref)
		if g == nil {
			continue // another controller's, or nobody's yet
		}
		listeners, at, no := c.attach(route, ref, g)
		if no == nil && refused != nil {
			no = refused
		}
		parents = append(parents, parent{ref: ref, refusal: no})
		if no != nil {
			continue
		}
		for _, l := range listeners {
			c.attached[listenerKey{key, l}]++
		}
		for _, host := range at {
			hosts[host] = true
		}
	}
	for host := range hosts {
		c.hosts[host] = append(c.hosts[host], entries...)
	}
	c.reportRoute(route, parents, refs)
}

func (c *compiler) parentGateway(namespace string, ref gwv1.ParentReference) (types.NamespacedName, *gwv1.Gateway) {
	if ref.Group != nil && *ref.Group != gwv1.GroupName || ref.Kind != nil && *ref.Kind != "Gateway" {
		return types.NamespacedName{}, nil
	}
	key := types.NamespacedName{Namespace: namespace, Name: string(ref.Name)}
	if ref.Namespace != nil {
		key.Namespace = string(*ref.Namespace)
	}
	return key, c.mine[key]
}

// attach finds the listeners a parent reference means and the hostnames the route has there.
func (c *compiler) attach(route *gwv1.HTTPRoute, ref gwv1.ParentReference, g *gwv1.Gateway) (names []gwv1.SectionName, hosts []string, no *refusal) {
	no = &refusal{gwv1.RouteReasonNoMatchingParent, "the gateway has no such listener"}
	for _, l := range g.Spec.Listeners {
		if ref.SectionName != nil && *ref.SectionName != l.Name || ref.Port != nil && *ref.Port != l.Port || l.Protocol != gwv1.HTTPProtocolType {
			continue
		}
		if !c.allows(l, g.Namespace, route.Namespace) {
			if no.reason == gwv1.RouteReasonNoMatchingParent {
				no = &refusal{gwv1.RouteReasonNotAllowedByListeners, "no listener allows HTTPRoutes of namespace " + route.Namespace}
			}
			continue
		}
		at := intersect(text(l.Hostname), route.Spec.Hostnames)
		if len(at) == 0 {
			no = &refusal{gwv1.RouteReasonNoMatchingListenerHostname, "no listener has one of the route's hostnames"}
			continue
		}
		names, hosts = append(names, l.Name), append(hosts, at...)
	}
	if len(names) > 0 {
		no = nil
	}
	return names, hosts, no
}

func (c *compiler) allows(l gwv1.Listener, gateway, route string) bool {
	from := gwv1.NamespacesFromSame
	var selector *metav1.LabelSelector
	if l.AllowedRoutes != nil {
		if n := l.AllowedRoutes.Namespaces; n != nil && n.From != nil {
			from, selector = *n.From, n.Selector
		}
		if !allowsKind(l.AllowedRoutes.Kinds) {
			return false
		}
	}
	switch from {
	case gwv1.NamespacesFromAll:
		return true
	case gwv1.NamespacesFromSame:
		return gateway == route
	case gwv1.NamespacesFromSelector:
		s, err := metav1.LabelSelectorAsSelector(selector)
		return err == nil && s.Matches(labelSet(c.namespaces[route]))
	default:
		return false
	}
}

func allowsKind(kinds []gwv1.RouteGroupKind) bool {
	for _, k := range kinds {
		if k.Kind == "HTTPRoute" && (k.Group == nil || *k.Group == gwv1.GroupName) {
			return true
		}
	}
	return len(kinds) == 0
}

// intersect returns the hostnames that both the listener ("": any) and the route (none: any) mean.
func intersect(listener string, route []gwv1.Hostname) []string {
	if len(route) == 0 {
		return []string{strings.ToLower(listener)}
	}
	var out []string
	for _, h := range route {
		l, r := strings.ToLower(listener), strings.ToLower(string(h))
		switch {
		case l == "" || l == r || covers(l, r):
			out = append(out, r)
		case covers(r, l):
			out = append(out, l)
		}
	}
	return out
}

// covers tells whether a wildcard such as *.example.com includes a host, or a narrower wildcard.
func covers(pattern, host string) bool {
	suffix, ok := strings.CutPrefix(pattern, "*")
	return ok && strings.HasSuffix(host, suffix) && len(host) > len(suffix)
}

// compileRules translates the route's rules. refs is the first backend reference that does not resolve;
// no says that the route as a whole can't be taken over.
func (c *compiler) compileRules(name types.NamespacedName, route *gwv1.HTTPRoute) (entries []entry, refs, no *refusal) {
	for i, spec := range route.Spec.Rules {
		matches := spec.Matches
		if len(matches) == 0 {
			matches = []gwv1.HTTPRouteMatch{{}}
		}
		prefix := true
		compiled := make([]match, len(matches))
		for j, m := range matches {
			if compiled[j], no = compileMatch(m); no != nil {
				return nil, refs, no
			}
			prefix = prefix && !compiled[j].exact
		}
		r := &rule{route: name}
		if r.filters, r.redirect, no = compileFilters(spec.Filters, prefix); no != nil {
			return nil, refs, no
		}
		if r.timeout, no = timeout(spec.Timeouts); no != nil {
			return nil, refs, no
		}
		unresolved, no := c.addBackends(r, spec.BackendRefs, prefix)
		if no != nil {
			return nil, refs, no
		}
		if refs == nil {
			refs = unresolved
		}
		for j, m := range compiled {
			entries = append(entries, entry{match: m, rule: r,
				order: order{created: route.CreationTimestamp.Time, route: name, rule: i, match: j}})
		}
	}
	return entries, refs, nil
}

func compileMatch(spec gwv1.HTTPRouteMatch) (match, *refusal) {
	m := match{path: "/"}
	if p := spec.Path; p != nil {
		if p.Value != nil {
			m.path = *p.Value
		}
		if p.Type != nil {
			switch *p.Type {
			case gwv1.PathMatchExact:
				m.exact = true
			case gwv1.PathMatchPathPrefix:
			default:
				return m, unsupported("path match %s is not supported by this gateway", *p.Type)
			}
		}
	}
	if spec.Method != nil {
		m.method = string(*spec.Method)
	}
	seen := map[string]bool{}
	for _, h := range spec.Headers {
		condition := header{name: http.CanonicalHeaderKey(string(h.Name)), value: h.Value}
		if h.Type != nil && *h.Type == gwv1.HeaderMatchRegularExpression {
			like, err := regexp.Compile(h.Value)
			if err != nil {
				return m, unsupported("header match %s: %v", h.Name, err)
			}
			condition.like = like
		}
		if !seen[condition.name] { // of equal names the first counts
			seen[condition.name] = true
			m.headers = append(m.headers, condition)
		}
	}
	for _, q := range spec.QueryParams {
		if q.Type != nil && *q.Type != gwv1.QueryParamMatchExact {
			return m, unsupported("query match %s is not supported by this gateway", *q.Type)
		}
		m.query = append(m.query, pair{string(q.Name), q.Value})
	}
	return m, nil
}

// timeout is the shorter of a rule's two: as nothing is tried again, one attempt is the whole request.
func timeout(spec *gwv1.HTTPRouteTimeouts) (time.Duration, *refusal) {
	if spec == nil {
		return 0, nil
	}
	var shortest time.Duration
	for _, d := range []*gwv1.Duration{spec.Request, spec.BackendRequest} {
		if d == nil {
			continue
		}
		v, err := time.ParseDuration(string(*d))
		if err != nil {
			return 0, unsupported("timeout %s: %v", *d, err)
		}
		if v > 0 && (shortest == 0 || v < shortest) {
			shortest = v
		}
	}
	return shortest, nil
}
