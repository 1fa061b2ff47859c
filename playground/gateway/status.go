package gateway

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/features"
)

// ControllerName is how a GatewayClass asks for this gateway.
const ControllerName gwv1.GatewayController = "playground.dro.dev/gateway"

// stale is copies of the objects whose status must be written, with the status they should have.
type stale struct {
	classes  []*gwv1.GatewayClass
	gateways []*gwv1.Gateway
	routes   []*gwv1.HTTPRoute
}

// parent is what became of one parent reference of a route.
type parent struct {
	ref     gwv1.ParentReference
	refusal *refusal
}

// condition builds a condition; no nil refusal means that it is true.
func condition(kind, reason, message string, generation int64, now metav1.Time, no *refusal) metav1.Condition {
	c := metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: reason, Message: message,
		ObservedGeneration: generation, LastTransitionTime: now}
	if no != nil {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, string(no.reason), no.message
	}
	return c
}

func (c *compiler) reportClass(class *gwv1.GatewayClass) {
	status := class.Status.DeepCopy()
	meta.SetStatusCondition(&status.Conditions, condition(string(gwv1.GatewayClassConditionStatusAccepted),
		string(gwv1.GatewayClassReasonAccepted), "served by the playground", class.Generation, c.now, nil))
	status.SupportedFeatures = []gwv1.SupportedFeature{ // what this gateway has beyond the core, in alphabetical order
		{Name: gwv1.FeatureName(features.HTTPRouteBackendRequestHeaderModificationFeature.Name)},
		{Name: gwv1.FeatureName(features.HTTPRouteResponseHeaderModificationFeature.Name)},
	}
	if equality.Semantic.DeepEqual(status, &class.Status) {
		return
	}
	class = class.DeepCopy()
	class.Status = *status
	c.stale.classes = append(c.stale.classes, class)
}

func (c *compiler) reportGateway(name types.NamespacedName, g *gwv1.Gateway) {
	status := g.Status.DeepCopy()
	ip := gwv1.IPAddressType
	status.Addresses = []gwv1.GatewayStatusAddress{{Type: &ip, Value: c.address}}
	status.Listeners = nil
	var bad *refusal
	for _, l := range g.Spec.Listeners {
		s, no := c.listenerStatus(name, g, l)
		status.Listeners = append(status.Listeners, s)
		if no != nil {
			bad = &refusal{gwv1.RouteConditionReason(gwv1.GatewayReasonListenersNotValid), no.message}
		}
	}
	set := func(kind gwv1.GatewayConditionType, reason gwv1.GatewayConditionReason, message string, no *refusal) {
		meta.SetStatusCondition(&status.Conditions, condition(string(kind), string(reason), message, g.Generation, c.now, no))
	}
	set(gwv1.GatewayConditionAccepted, gwv1.GatewayReasonAccepted, "", bad)
	set(gwv1.GatewayConditionProgrammed, gwv1.GatewayReasonProgrammed, "listens on "+c.address, nil)
	if equality.Semantic.DeepEqual(status, &g.Status) {
		return
	}
	g = g.DeepCopy()
	g.Status = *status
	c.stale.gateways = append(c.stale.gateways, g)
}

func (c *compiler) listenerStatus(name types.NamespacedName, g *gwv1.Gateway, l gwv1.Listener) (gwv1.ListenerStatus, *refusal) {
	s := gwv1.ListenerStatus{Name: l.Name, AttachedRoutes: c.attached[listenerKey{name, l.Name}], SupportedKinds: []gwv1.RouteGroupKind{}}
	for _, old := range g.Status.Listeners {
		if old.Name == l.Name {
			s.Conditions = append(s.Conditions, old.Conditions...)
		}
	}
	var accepted, kinds *refusal
	if l.Protocol != gwv1.HTTPProtocolType {
		accepted = &refusal{gwv1.RouteConditionReason(gwv1.ListenerReasonUnsupportedProtocol),
			fmt.Sprintf("listener %s: protocol %s is not supported by this gateway", l.Name, l.Protocol)}
	}
	if l.AllowedRoutes != nil && !allowsKind(l.AllowedRoutes.Kinds) {
		kinds = &refusal{gwv1.RouteConditionReason(gwv1.ListenerReasonInvalidRouteKinds),
			fmt.Sprintf("listener %s allows no kind of route that this gateway supports", l.Name)}
	} else {
		group := gwv1.Group(gwv1.GroupName)
		s.SupportedKinds = append(s.SupportedKinds, gwv1.RouteGroupKind{Group: &group, Kind: "HTTPRoute"})
	}
	set := func(kind gwv1.ListenerConditionType, reason gwv1.ListenerConditionReason, no *refusal) {
		meta.SetStatusCondition(&s.Conditions, condition(string(kind), string(reason), "", g.Generation, c.now, no))
	}
	set(gwv1.ListenerConditionAccepted, gwv1.ListenerReasonAccepted, accepted)
	set(gwv1.ListenerConditionResolvedRefs, gwv1.ListenerReasonResolvedRefs, kinds)
	invalid := accepted
	if invalid == nil {
		invalid = kinds
	}
	if invalid != nil {
		invalid = &refusal{gwv1.RouteConditionReason(gwv1.ListenerReasonInvalid), invalid.message}
	}
	set(gwv1.ListenerConditionProgrammed, gwv1.ListenerReasonProgrammed, invalid)
	return s, invalid
}

// reportRoute replaces this gateway's entries in the route's status and leaves other controllers' as they are.
func (c *compiler) reportRoute(route *gwv1.HTTPRoute, parents []parent, refs *refusal) {
	var out []gwv1.RouteParentStatus
	before := map[string][]metav1.Condition{}
	for _, p := range route.Status.Parents {
		if p.ControllerName == ControllerName {
			before[parentKey(p.ParentRef)] = p.Conditions
		} else {
			out = append(out, p)
		}
	}
	for _, p := range parents {
		s := gwv1.RouteParentStatus{ParentRef: p.ref, ControllerName: ControllerName}
		s.Conditions = append(s.Conditions, before[parentKey(p.ref)]...)
		set := func(kind gwv1.RouteConditionType, reason gwv1.RouteConditionReason, no *refusal) {
			meta.SetStatusCondition(&s.Conditions, condition(string(kind), string(reason), "", route.Generation, c.now, no))
		}
		set(gwv1.RouteConditionAccepted, gwv1.RouteReasonAccepted, p.refusal)
		set(gwv1.RouteConditionResolvedRefs, gwv1.RouteReasonResolvedRefs, refs)
		out = append(out, s)
	}
	if equality.Semantic.DeepEqual(out, route.Status.Parents) {
		return
	}
	route = route.DeepCopy()
	route.Status.Parents = out
	c.stale.routes = append(c.stale.routes, route)
}

func parentKey(ref gwv1.ParentReference) string {
	port := ""
	if ref.Port != nil {
		port = fmt.Sprint(*ref.Port)
	}
	return fmt.Sprintf("%s/%s/%s/%s/%s/%s", text(ref.Group), text(ref.Kind), text(ref.Namespace), ref.Name, text(ref.SectionName), port)
}
