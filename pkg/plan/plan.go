package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/record"
)

// The kinds of step. pkg/rollout has one method for each.
const (
	Install = "install" // a slot is made and gets ready
	Isolate = "isolate" // nothing but blue's own Services selects blue's pods
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
}

// Release is one Helm release that the rollout makes.
type Release struct {
	Name       string
	Components []string
	First      bool // there is no green yet: the release is green itself
}

// Make returns the steps that carry out bp, given what is live.
func Make(bp *blueprint.Blueprint, live Live) []record.Step {
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
	}
	if len(blue) == 0 {
		return append(steps, tests(bp, func(blueprint.Test) bool { return true })...)
	}
	for i, p := range bp.Phases {
		steps = append(steps, tests(bp, func(t blueprint.Test) bool {
			return t.Before == p.Name || t.Before == "" && i == 0
		})...)
		steps = append(steps, phase(p)...)
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
	if p.Gate == blueprint.GateManual {
		hold += ", then until someone promotes it"
	}
	return []record.Step{{
		ID: Shift + "/" + p.Name, Kind: Shift, State: record.Shifting, Phase: p.Name, Traffic: share,
		Title: fmt.Sprintf("shift %d%% of traffic to blue", share),
	}, {
		ID: Hold + "/" + p.Name, Kind: Hold, State: record.Shifting, Phase: p.Name, Traffic: share, For: p.Hold.Duration,
		Manual: p.Gate == blueprint.GateManual, Title: hold,
	}}
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
