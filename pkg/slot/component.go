package slot

import "strings"

// Source says what a component's blue is made from.
type Source string

// The sources, in the order in which they are looked for.
const (
	FromChart    Source = "chart"    // the blueprint names a chart
	FromRelease  Source = "release"  // green's own Helm release: its chart and values
	FromWorkload Source = "workload" // green's own Deployment or StatefulSet
	FromEmbedded Source = "embedded" // the built-in chart
)

// Component is one component as found at the launch: what green is, and what blue will be. It is plain data, kept in
// the rollout's record; another process can carry on from it.
//
// When First is set there is no green yet: the Green fields then say what green will be, the Blue ones but BlueImage
// are empty.
type Component struct {
	Name      string `json:"name"`
	Source    Source `json:"source"`
	First     bool   `json:"first,omitempty"`     // there is no green yet: green itself is installed
	Unchanged bool   `json:"unchanged,omitempty"` // the new reference is green's: left alone

	GreenImage    string `json:"greenImage,omitempty"`
	GreenService  string `json:"greenService,omitempty"`  // name, empty when there is none
	GreenRelease  string `json:"greenRelease,omitempty"`  // Helm release, empty for a plain workload
	GreenWorkload string `json:"greenWorkload,omitempty"` // kind/name
	GreenPods     string `json:"greenPods,omitempty"`     // regular expression that matches the pods' names

	BlueImage    string `json:"blueImage"` // the new reference
	BlueService  string `json:"blueService,omitempty"`
	BlueRelease  string `json:"blueRelease,omitempty"`
	BlueWorkload string `json:"blueWorkload,omitempty"`
	BluePods     string `json:"bluePods,omitempty"`

	Container string   `json:"container,omitempty"` // the container that takes the image
	Replicas  int32    `json:"replicas"`            // how many pods blue has
	Notes     []string `json:"notes,omitempty"`     // what a person should know before launching
}

// Release is one Helm release to be made: the components that live in it.
type Release struct {
	Name       string
	First      bool // the release is green itself
	Components []Component
}

// Names lists the release's components.
func (r Release) Names() []string {
	var names []string
	for _, c := range r.Components {
		names = append(names, c.Name)
	}
	return names
}

// greenServices are the Services that lead to green of the release's components.
func (r Release) greenServices() []string {
	var all []string
	for _, c := range r.Components {
		if c.GreenService != "" {
			all = append(all, c.GreenService)
		}
	}
	return all
}

// Releases groups components into the Helm releases to be made, in the order of the components. Components left alone
// are in none.
func Releases(components []Component) []Release {
	var all []Release
	at := map[string]int{}
	for _, c := range components {
		if c.Unchanged {
			continue
		}
		name := c.BlueRelease
		if c.First {
			name = c.GreenRelease
		}
		i, seen := at[name]
		if !seen {
			i = len(all)
			at[name] = i
			all = append(all, Release{Name: name, First: c.First})
		}
		all[i].Components = append(all[i].Components, c)
	}
	return all
}

// Endpoint is where one slot of a component answers inside the cluster.
type Endpoint struct {
	Slot      string // blue or green
	Component string
	Service   string
	ClusterIP string // empty for a headless Service
	Port      int32
}

// split takes kind/name apart.
func split(workload string) (kind, name string) {
	kind, name, _ = strings.Cut(workload, "/")
	return kind, name
}
