package judge

import (
	"math"
	"math/rand/v2"
	"testing"
)

// alarms feeds requests of which a share is bad one by one, until the evidence reaches 1/α or there are no more.
func alarms(r *rand.Rand, share float64, most int, weigh func(bad bool) bool) (n int, alarm bool) {
	for n = 1; n <= most; n++ {
		if weigh(r.Float64() < share) {
			return n, true
		}
	}
	return most, false
}

func one(bad bool) Tally {
	if bad {
		return Tally{1, 1}
	}
	return Tally{0, 1}
}

// The reference values: α = 1 %, threshold 0.5 %, mean number of requests to the alarm. They are for the test
// that begins with the baseline; what is kept for later changes costs it four tenths of its stake.
func TestReferenceValues(t *testing.T) {
	const p0, runs = 0.005, 1500
	limit := math.Log(1 / Alpha)
	for _, tc := range []struct{ share, mean float64 }{{.025, 303}, {.05, 91}, {.10, 32}, {.30, 8}, {.50, 4}} {
		r := rand.New(rand.NewPCG(uint64(tc.share*1000), 1))
		sum, whole := 0, 0
		for range runs {
			var e Evidence
			n, alarm := alarms(r, tc.share, 1e5, func(bad bool) bool {
				e.add(over(one(bad), p0), 1)
				return e.start(1) >= limit
			})
			if !alarm {
				t.Fatalf("%v: no alarm in %d requests", tc.share, n)
			}
			sum += n
			e = Evidence{}
			n, _ = alarms(r, tc.share, 1e5, func(bad bool) bool {
				e.add(over(one(bad), p0), 1)
				return e.log(1) >= limit
			})
			whole += n
		}
		mean, both := float64(sum)/runs, float64(whole)/runs
		t.Logf("%v: %.1f (with later changes %.1f)", tc.share, mean, both)
		if math.Abs(mean-tc.mean) > .06*tc.mean+.5 {
			t.Errorf("%v bad: alarm after %.1f requests, want %v", tc.share, mean, tc.mean)
		}
		if both > 1.1*tc.mean+.5 {
			t.Errorf("%v bad: alarm after %.1f requests with the stake on later changes, want at most a tenth more than %v", tc.share, both, tc.mean)
		}
	}
}

func TestProofOfHealthReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	const runs = 300
	sum := 0
	for range runs {
		var e Evidence
		n, proven := alarms(r, .001, 1e6, func(bad bool) bool {
			e.add(under(one(bad), .005), 1)
			return e.start(1) >= math.Log(1/Alpha)
		})
		if !proven {
			t.Fatal("never proven")
		}
		sum += n
	}
	if mean := float64(sum) / runs; math.Abs(mean-2033) > 150 {
		t.Errorf("health is proven after %.0f requests, want 2,033", mean)
	}
}

// At the threshold itself the chance of an alarm is 0.45 % within 6,000 requests, and below 1 % for ever.
func TestFalseAlarmsReference(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 4))
	const runs = 2000
	start, whole := 0, 0
	for range runs {
		var e Evidence
		first := false
		_, alarm := alarms(r, .005, 6000, func(bad bool) bool {
			if e.add(over(one(bad), .005), 1); !bad {
				return false // nothing rises then
			}
			first = first || e.start(1) >= math.Log(1/Alpha)
			return e.log(1) >= math.Log(1/Alpha)
		})
		if first {
			start++
		}
		if alarm {
			whole++
		}
	}
	t.Logf("start %.2f %%, whole %.2f %%", 100*float64(start)/runs, 100*float64(whole)/runs)
	if rate := float64(start) / runs; rate < .002 || rate > .0075 {
		t.Errorf("%.2f %% false alarms, want 0.45 %%", 100*rate)
	}
	if rate := float64(whole) / runs; rate > Alpha {
		t.Errorf("%.2f %% false alarms with the stake on later changes", 100*rate)
	}
}
