package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/near"
	"dro.dev/kubectl-dro/pkg/record"
)

// The kinds of step. pkg/rollout has one method for each.
const (
	Install = "install" // a slot is made and gets ready
	Isolate = "isolate" // nothing but blue's own Services selects blue's pods
	Standby = "standby" // somebody in the cluster is there to go on
	Test    = "test"    // a Job succeeds
	Shift   = "shift"   // the routers give blue a share
	Hold    = "hold"    // the share is held until the gate opens
	Keep    = "keep"    // blue carries everything, green stays warm
	Upgrade = "upgrade" // green becomes the new version
	Return  = "return"  // the routers are as they were, green carries everything
	Drain   = "drain"   // blue's last requests end
	Remove  = "remove"  // a slot goes
)

// DrainTime is how long a slot stays after its weight went to 0 and the routers have seen it.
const DrainTime = 5 * time.Second

// Live is what the launch found in the cluster.
type Live struct {
	Releases []Release // to be made, in the order of the blueprint's images
	Standby  Wish      // for a standby
}

// Wish is how much something is wanted.
type Wish string

// The wishes.
const (
	Off      Wish = "off"
	Auto     Wish = "auto"     // go on without when it can't be had, and say so
	Required Wish = "required" // go no further without
)

// Wishes lists the wishes there are.
func Wishes() []Wish { return []Wish{Off, Auto, Required} }

// Release is one Helm release that the rollout makes.
type Release struct {
	Name       string
	Components []string
	First      bool // there is no green yet: the release is green itself
}

// Phases are the blueprint's phases from the one called from on; all of them when it is empty.
func Phases(bp *blueprint.Blueprint, from string) ([]blueprint.Phase, error) {
	var known []string
	for i, p := range bp.Phases {
		if p.Name == from || from == "" {
			return bp.Phases[i:], nil
		}
		known = append(known, p.Name)
	}
	nearest, hint := near.Suggest(from, known)
	if nearest != "" {
		hint += " known are " + strings.Join(known, ", ")
	}
	return nil, fmt.Errorf("no phase is called %q; %s", from, hint)
}

// Make returns the steps that carry out bp, given what is live. The phases before the one called from, if any, move no
// traffic; what is tested before them is tested all the same.
func Make(bp *blueprint.Blueprint, live Live, from string) ([]record.Step, error) {
	wanted, err := Phases(bp, from)
	if err != nil {
		return nil, err
	}
	return steps(bp, live, len(bp.Phases)-len(wanted)), nil
}

func steps(bp *blueprint.Blueprint, live Live, skipped int) []record.Step {
	if len(live.Releases) == 0 {
		return nil // every component runs the wanted image already
	}
	blue := slices.DeleteFunc(slices.Clone(live.Releases), func(r Release) bool { return r.First })
	var steps []record.Step
	for _, r := range live.Releases {
		steps = append(steps, install(r))
	}
	if len(blue) > 0 {
		steps = append(steps, record.Step{
			ID: Isolate, Kind: Isolate, State: record.Preparing,
			Title: "check that no traffic reaches blue yet",
		})
		steps = append(steps, standby(live.Standby)...)
	}
	if len(blue) == 0 {
		return append(steps, tests(bp, func(blueprint.Test) bool { return true })...)
	}
	for i, p := range bp.Phases {
		steps = append(steps, tests(bp, func(t blueprint.Test) bool {
			return t.Before == p.Name || t.Before == "" && i == 0
		})...)
		if i >= skipped {
			steps = append(steps, phase(p)...)
		}
	}
	return append(steps, settle(bp, blue)...)
}

func install(r Release) record.Step {
	slot, names := blueprint.Blue, strings.Join(r.Components, ", ")
	if r.First {
		slot = blueprint.Green
	}
	return record.Step{
		ID: Install + "/" + r.Name, Kind: Install, State: record.Preparing, Release: r.Name, Component: names,
		Title: fmt.Sprintf("install %s of %s as Helm release %s", slot, names, r.Name),
		Done:  fmt.Sprintf("%s is up: %s", strings.ToUpper(string(slot[:1]))+string(slot[1:]), names),
	}
}

func standby(wish Wish) []record.Step {
	if wish == Off || wish == "" {
		return nil
	}
	return []record.Step{{
		ID: Standby, Kind: Standby, State: record.Preparing, Optional: wish == Auto,
		Title: "place a standby in the cluster that takes over when this process falls silent",
		Done:  "A standby is ready to take over",
	}}
}

func tests(bp *blueprint.Blueprint, due func(blueprint.Test) bool) []record.Step {
	var steps []record.Step
	for _, t := range bp.Tests {
		if due(t) {
			steps = append(steps, record.Step{
				ID: Test + "/" + t.Name, Kind: Test, State: record.Testing, Test: t.Name,
				Title: "run test " + t.Name, Done: "Test " + t.Name + " PASS",
			})
		}
	}
	return steps
}

func phase(p blueprint.Phase) []record.Step {
	share := int(p.Traffic)
	hold := fmt.Sprintf("hold %d%% for %s while the KPIs are watched", share, p.Hold.Duration)
	if p.Advance == blueprint.AdvanceProven {
		hold = fmt.Sprintf("hold %d%% until the KPIs are proven healthy, at most for %s", share, p.Hold.Duration)
	}
	if p.Gate == blueprint.GateManual {
		hold += ", then until someone promotes it"
	}
	return []record.Step{{
		ID: Shift + "/" + p.Name, Kind: Shift, State: record.Shifting, Phase: p.Name, Traffic: share,
		Title: fmt.Sprintf("shift %d%% of traffic to blue%s", share, besides(p)),
	}, {
		ID: Hold + "/" + p.Name, Kind: Hold, State: record.Shifting, Phase: p.Name, Traffic: share, For: p.Hold.Duration,
		Manual: p.Gate == blueprint.GateManual, Proven: p.Advance == blueprint.AdvanceProven, Title: hold,
	}}
}

// besides is who else goes to blue in a phase.
func besides(p blueprint.Phase) string {
	var words []string
	if p.Match != nil {
		words = append(words, "all requests that match")
	}
	if p.Mirror > 0 {
		words = append(words, fmt.Sprintf("copies of %d%%", int(p.Mirror)))
	}
	if len(words) == 0 && !p.Sticky {
		return ""
	}
	if p.Sticky {
		words = append(words, "those who were there before")
	}
	return ", and " + strings.Join(words, ", and ")
}

func settle(bp *blueprint.Blueprint, blue []Release) []record.Step {
	steps := []record.Step{{
		ID: Keep, Kind: Keep, State: record.Keeping, Traffic: 100, For: bp.Keep.Duration,
		Title: fmt.Sprintf("keep green as it was for %s, for an instant way back", bp.Keep.Duration),
		Done:  fmt.Sprintf("Green was kept warm for %s", bp.Keep.Duration),
	}}
	for _, r := range blue {
		names := strings.Join(r.Components, ", ")
		steps = append(steps, record.Step{
			ID: Upgrade + "/" + r.Name, Kind: Upgrade, State: record.Settling, Release: r.Name, Component: names,
			Title: fmt.Sprintf("upgrade green of %s to the new version while blue serves", names),
			Done:  "Green is the new version: " + names,
		})
	}
	steps = append(steps, record.Step{
		ID: Return, Kind: Return, State: record.Settling,
		Title: "move all traffic to green, the routers as they were",
		Done:  "All traffic is on green, the routers as they were",
	}, record.Step{
		ID: Drain, Kind: Drain, State: record.Settling, For: DrainTime,
		Title: fmt.Sprintf("let blue finish its last requests (%s)", DrainTime),
	})
	for _, r := range slices.Backward(blue) {
		steps = append(steps, record.Step{
			ID: Remove + "/" + r.Name, Kind: Remove, State: record.Settling, Release: r.Name,
			Title: "uninstall Helm release " + r.Name, Done: "Blue is removed: " + strings.Join(r.Components, ", "),
		})
	}
	return steps
}
