package plan

import "dro.dev/kubectl-dro/pkg/record"

// Proposal is what a launch would do, to what, and what it found. Making one changes nothing.
type Proposal struct {
	Rollout    string             `json:"rollout"`
	App        string             `json:"app"`
	Namespace  string             `json:"namespace"`
	Components []record.Component `json:"components"`
	Steps      []record.Step      `json:"steps"`
	Routes     []Route            `json:"routes,omitempty"`
	Metrics    string             `json:"metrics,omitempty"` // where the KPIs are read
	KPIs       []KPI              `json:"kpis,omitempty"`
	Sights     []Sight            `json:"sights,omitempty"`
	Notes      []string           `json:"notes,omitempty"`
}

// Sight is what a phase can see of a KPI, with the traffic that green has now.
type Sight struct {
	Phase     string  `json:"phase"`
	Traffic   int     `json:"traffic"` // blue's share in percent
	Hold      float64 `json:"holdSeconds"`
	KPI       string  `json:"kpi"`
	Component string  `json:"component"`
	Requests  float64 `json:"requests"` // of blue's while the phase holds
	Needs     []Need  `json:"needs"`
}

// Need is how many of blue's requests it takes on average to see that more is bad than the threshold allows: so many
// times as much.
type Need struct {
	Times    float64 `json:"times"`
	Requests float64 `json:"requests"`
	Seconds  float64 `json:"seconds,omitempty"` // none: there are no requests
}

// Route is a router's object and what the first phase would change in it.
type Route struct {
	Object  string   `json:"object"` // httproute food-svc/food
	Changes []string `json:"changes"`
	GitOps  []string `json:"gitops,omitempty"` // what keeps the tool that the route comes from from writing it back
}

// KPI is green's present number.
type KPI struct {
	Name      string `json:"name"`
	Component string `json:"component"`
	Green     string `json:"green,omitempty"` // none: there is no data
	Threshold string `json:"threshold"`
	Note      string `json:"note,omitempty"`
}
