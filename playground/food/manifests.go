package food

import (
	_ "embed"
	"strconv"
	"strings"
)

//go:embed manifests.yaml
var manifests string

// Render returns the service at tag 1.0.0 as plain objects in namespace food-svc: both components, one HTTPRoute
// each, the Gateway `food` they belong to, the rules and the KPI definitions. class is the data plane's GatewayClass,
// which must exist, and listenerPort the port it listens on.
func Render(class string, listenerPort int) []byte {
	r := strings.NewReplacer("GATEWAY_CLASS", class, "LISTENER_PORT", strconv.Itoa(listenerPort))
	return []byte(r.Replace(manifests))
}
