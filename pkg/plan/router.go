package plan

// Router is a kind of router that dro knows, and what it does with it here.
type Router struct {
	Name      string `json:"name"`
	Title     string `json:"title"`
	Kind      string `json:"kind"`
	Group     string `json:"group,omitempty"`
	Version   string `json:"version"` // that the cluster serves, when it does
	Installed bool   `json:"installed"`
	Weights   bool   `json:"weights"` // any share; else all or nothing
	Match     bool   `json:"match"`
	Sticky    bool   `json:"sticky"`
	Mirror    bool   `json:"mirror"`
	TCP       bool   `json:"tcp"`
	Observed  string `json:"observed"` // how it is known to have taken a change
	Note      string `json:"note,omitempty"`
	Docs      string `json:"docs,omitempty"`
}
