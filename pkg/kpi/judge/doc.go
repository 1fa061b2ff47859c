// Package judge turns counts into verdicts. It is pure: no clock, no input or output, and its only memory is a State,
// which is plain data of a fixed size.
//
// The caller counts for both slots what happened since its baseline, and hands it over round by round:
//
//	rule := judge.Rule{Kind: blueprint.Ratio, Threshold: threshold} // threshold: < 0.5%
//	var state judge.State
//	for round := range rounds { // cumulative since the baseline: 3 of 400, 3 of 800, 4 of 1,200
//		found := state.Add(rule, judge.Round{Blue: round.Blue, Green: round.Green})
//		if found.Verdict == judge.Breached {
//			return found.Reason
//		}
//	}
//
// At a new baseline, such as a phase's new weight, call State.Begin and count from 0 again. Start reading at State.Add
// (judge.go); the tests themselves are in evidence.go. What a verdict means for a rollout, and where counts come from,
// is not known here.
package judge
