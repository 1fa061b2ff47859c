package smoke

import "dro.dev/kubectl-dro/pkg/blueprint"

// Endpoint is where one component of one slot is reached.
type Endpoint struct {
	Slot      blueprint.Slot
	Component string
	IP        string // its Service's; a headless Service has none, give a pod's then
}

// Hosts names the endpoints: slot.component for each, and slot, slot.namespace and slot.app for the slot's first one.
// A component's own name wins where it is also the namespace's or the app's.
func Hosts(namespace, app string, endpoints []Endpoint) []Host {
	return nil
}
