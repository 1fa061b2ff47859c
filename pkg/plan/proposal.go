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
	Notes      []string           `json:"notes,omitempty"`
}

// Route is a router's object and what the first phase would change in it.
type Route struct {
	Object  string   `json:"object"` // httproute food-svc/food
	Changes []string `json:"changes"`
}

// KPI is green's present number.
type KPI struct {
	Name      string `json:"name"`
	Component string `json:"component"`
	Green     string `json:"green,omitempty"` // none: there is no data
	Threshold string `json:"threshold"`
	Note      string `json:"note,omitempty"`
}
