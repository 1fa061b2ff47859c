package traffic

import "k8s.io/apimachinery/pkg/runtime/schema"

// Need is what a process has to be permitted for one object of a route: to move it, and to read it back.
type Need struct {
	Namespace string
	Resource  schema.GroupResource
	Name      string // empty: any, as what is created has no name to be permitted by
	Verbs     []string
}

// Needs are the permissions that it takes to move a route, object by object.
func (r Route) Needs() []Need {
	of := r.Row.GVR().GroupResource()
	switch r.Row.Form {
	case TwinForm:
		needs := []Need{{r.Namespace, of, r.Name, []string{"get", "watch"}}, {r.Namespace, of, "", []string{"create"}}}
		for _, k := range r.beside() {
			needs = append(needs, Need{r.Namespace, of, k.name, []string{"get", "watch", "patch", "delete"}})
		}
		return needs
	case SwitchForm, ReplicasForm:
		needs := []Need{{r.Namespace, of, r.Name, []string{"get", "watch", "patch"}}, {r.Namespace, of, r.Blue, []string{"get"}}}
		if r.Row.Form == ReplicasForm {
			slices := endpointSlices.GroupResource()
			needs = append(needs, Need{r.Namespace, slices, "", []string{"list", "watch", "create"}},
				Need{r.Namespace, slices, r.sliceKey().name, []string{"get", "patch", "delete"}})
		}
		return needs
	}
	return []Need{{r.Namespace, of, r.Name, []string{"get", "watch", "patch"}}}
}
