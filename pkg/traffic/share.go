package traffic

// Share is how one route splits a component's traffic, as the cluster has it.
type Share struct {
	Component string      `json:"component"`
	Route     string      `json:"route"` // httproute food-svc/food
	Rules     []RuleShare `json:"rules"` // every rule that names green or blue
}

// RuleShare is the split within one rule.
type RuleShare struct {
	Path  string `json:"path"` // spec.rules[0].backendRefs
	Green int64  `json:"green"`
	Blue  int64  `json:"blue"`
}

// Percent is blue's share. It is false when the rules disagree, the share is no whole percent, or no rule names a slot.
func (s Share) Percent() (int, bool) {
	percent, known := 0, false
	for _, r := range s.Rules {
		sum := r.Green + r.Blue
		if sum <= 0 { // the route's owner has switched this rule off
			continue
		}
		if r.Blue*100%sum != 0 || known && int64(percent) != r.Blue*100/sum {
			return 0, false
		}
		percent, known = int(r.Blue*100/sum), true
	}
	return percent, known
}
