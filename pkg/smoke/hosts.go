package smoke

import (
	"net"
	"slices"

	"dro.dev/kubectl-dro/pkg/blueprint"
)

// Host is an address under names of its own within a test.
type Host struct {
	IP    string
	Names []string
}

// Endpoint is where one component of one slot is reached.
type Endpoint struct {
	Slot      blueprint.Slot
	Component string
	IP        string // its Service's; a headless one has none, and is then not named
}

// Hosts names the endpoints: slot.component for each, and slot, slot.namespace and slot.app for the slot's first one.
// A component's own name wins where it is also the namespace's or the app's.
func Hosts(namespace, app string, endpoints []Endpoint) []Host {
	var hosts []Host
	taken := map[string]bool{}
	give := func(ip, name string) {
		if taken[name] {
			return
		}
		taken[name] = true
		if net.ParseIP(ip) == nil { // the name stays taken: better unknown than another component's
			return
		}
		i := slices.IndexFunc(hosts, func(h Host) bool { return h.IP == ip })
		if i < 0 {
			hosts, i = append(hosts, Host{IP: ip}), len(hosts)
		}
		hosts[i].Names = append(hosts[i].Names, name)
	}
	for _, e := range endpoints {
		give(e.IP, string(e.Slot)+"."+e.Component)
	}
	for _, e := range endpoints { // the first of a slot comes first, and the others find the names taken
		give(e.IP, string(e.Slot))
		give(e.IP, string(e.Slot)+"."+namespace)
		give(e.IP, string(e.Slot)+"."+app)
	}
	return hosts
}
