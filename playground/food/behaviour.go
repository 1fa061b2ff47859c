package food

import "time"

// Component names, as they appear in image references: localhost/<component>:<tag>.
const (
	Service  = "hms-svc-food"
	Frontend = "food-delivery"
)

// behaviour is what one tag of a component does. The zero value answers at once and never fails.
type behaviour struct {
	latency latency
	fail    share   // the part of business requests that is answered with 500
	above   float64 // requests a second (per pod) beyond which fail applies; 0: always
	after   int     // business requests served well before fail applies
	chance  float64 // with which any business request is answered with 500, by luck

	exits    bool // the process starts, says why on its log and exits with 1
	notReady bool // /healthz answers 503 for ever
	silent   bool // no /metrics
}

// latency is a log-normal distribution, given by the two numbers people know about a service.
type latency struct{ p50, p99 time.Duration }

// share is n of every `of` requests, spread evenly, so that a defect shows at its rate soon and not by luck.
type share struct{ n, of int }

// catalogue says what each component's tags do. An image that is not here does not exist.
func catalogue() map[string]map[string]behaviour {
	svc := latency{p50: 8 * time.Millisecond, p99: 40 * time.Millisecond}
	mfe := latency{p50: 4 * time.Millisecond, p99: 20 * time.Millisecond}
	return map[string]map[string]behaviour{
		Service: tags(svc, map[string]behaviour{
			"1.0.0": {latency: svc},
			// Instant payments share one connection: fine for the canary's trickle, a fiftieth is lost under load.
			"2.0.0": {latency: svc, fail: share{1, 50}, above: 5},
			"2.1.0": {latency: svc},
		}),
		Frontend: tags(mfe, map[string]behaviour{
			"1.0.0": {latency: mfe},
			"2.0.0": {latency: mfe},
			"2.1.0": {latency: mfe},
		}),
	}
}

// tags adds to a component's own versions the tags that every component has for tests.
func tags(usual latency, own map[string]behaviour) map[string]behaviour {
	own["crash"] = behaviour{exits: true}
	own["notready"] = behaviour{latency: usual, notReady: true}
	own["slow"] = behaviour{latency: latency{p50: 800 * time.Millisecond, p99: 2 * time.Second}}
	own["silent"] = behaviour{latency: usual, silent: true}
	own["fair"] = behaviour{latency: usual, chance: 0.003}
	own["broken"] = behaviour{latency: usual, fail: share{3, 10}, after: 100}
	return own
}
