package scenario

import (
	"testing"

	"dro.dev/kubectl-dro/playground/food"
)

// kpis is what people ask about the numbers before, during and after a launch.
func kpis(t *testing.T, c *cluster) {
	const ns = "food-kpis"
	c.green(t, ns)
	requests := c.load(t, ns, 50, food.Service)
	blueprint := short("2.1.0", "3s", `
kpi:
  error_rate: "< 0.5%"
  latency_p99: "< 1s"
  by_pods:
    source: pods
    interval: 250ms
    good: sum(http_requests_total{pod=~"$pods",code="200"})
    total: sum(http_requests_total{pod=~"$pods"})
    threshold: "> 98%"
`)
	file := save(t, blueprint)
	c.planned(t, ns, blueprint, "Requests of blue's it takes to see more bad ones than allowed", "error_rate", "latency_p99")
	c.say(t, ns, 0, "opentelemetry", "kpis")
	c.say(t, ns, 0, "error_rate", "kpis", file)
	l := c.launch(t, ns, blueprint, "--standby", "off")
	l.end(t, 0)
	if l.count("kpi.sampled") < 8 {
		t.Errorf("pods were not asked several times a second:\n%s", l.told())
	}
	c.say(t, ns, 0, "┤", "status", "foodsvc-v9")
	c.say(t, ns, 0, "error_rate", "kpis", "foodsvc")
	c.say(t, ns, 0, "LAUNCHES", "replay", file, "--last", "10s", "--each", "4s")
	served(t, requests, "")
	c.serves(t, ns, "2.1.0", food.Service)
}
