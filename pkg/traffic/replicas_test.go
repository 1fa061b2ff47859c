package traffic

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// endpoints are a Service's pods that are ready.
func (a *api) endpoints(t testing.TB, service string, addresses ...string) {
	t.Helper()
	var all []string
	for _, ip := range addresses {
		all = append(all, fmt.Sprintf(`{"addresses":[%q],"conditions":{"ready":true},"targetRef":{"kind":"Pod","name":"p-%s"}}`, ip, ip))
	}
	a.store(t, endpointSlices, parse(t, fmt.Sprintf(`{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4",
		"metadata":{"name":"%[1]s-x1","namespace":"food-svc","resourceVersion":"1","labels":{"kubernetes.io/service-name":%[1]q}},
		"ports":[{"name":"http","port":8080}],"endpoints":[%s]}`, service, strings.Join(all, ","))))
}

// mixes checks which of blue's pods green's Service has, beside a number of its own.
func (c *contract) mixes(t *testing.T, green int, blue ...string) {
	t.Helper()
	pods, err := c.routes[0].pods(t.Context(), c.api)
	if err != nil {
		t.Fatal(err)
	}
	var has []string
	if pods.own != nil {
		for _, e := range pods.own.Endpoints {
			has = append(has, address(e))
		}
		if pods.own.Labels["kubernetes.io/service-name"] != "food" || len(pods.own.Ports) != 1 || *pods.own.Ports[0].Port != 8080 {
			t.Errorf("it is no slice of service food at its port: %+v", pods.own)
		}
	}
	if pods.green != green || !slices.Equal(has, blue) {
		t.Errorf("%d of green's and %q, want %d and %q", pods.green, has, green, blue)
	}
}

func replicasOfFour(t *testing.T) *contract {
	row := Rows()[slices.IndexFunc(Rows(), func(r Row) bool { return r.Form == ReplicasForm })]
	c := begin(t, row, "food")
	c.endpoints(t, "food", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
	c.endpoints(t, "food-blue", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4")
	c.routes[0].Pods = 4
	return c
}

func to(t *testing.T, c *contract, percent int) {
	t.Helper()
	if err := c.mover.Shift(t.Context(), c.routes, percent); err != nil {
		t.Fatalf("%d%%: %v", percent, err)
	}
}

func TestReplicas(t *testing.T) {
	c := replicasOfFour(t)
	to(t, c, 1)
	c.mixes(t, 4, "10.0.1.1")
	to(t, c, 50)
	c.mixes(t, 4, "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4")
	to(t, c, 20)
	c.mixes(t, 4, "10.0.1.1")
	to(t, c, 100)
	c.mixes(t, 4)
	c.is(t, 100)
	to(t, c, 50) // as after a drift that is put right
	c.mixes(t, 4, "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4")
	c.is(t, 50)
	c.restored(t)
	c.mixes(t, 4)
	c.is(t, 0)
}

func TestReplicasFollowThePods(t *testing.T) {
	c := replicasOfFour(t)
	to(t, c, 33)
	c.mixes(t, 4, "10.0.1.1", "10.0.1.2")
	follow := func(want string) {
		t.Helper()
		drifts, err := c.mover.Drifts(t.Context(), c.routes, 33)
		if err != nil || len(drifts) != 1 || !drifts[0].Stale || !strings.Contains(drifts[0].String(), want) {
			t.Fatalf("%+v, %v", drifts, err)
		}
		to(t, c, 33)
		if drifts, err := c.mover.Drifts(t.Context(), c.routes, 33); err != nil || len(drifts) > 0 {
			t.Fatalf("%+v, %v", drifts, err)
		}
	}
	c.endpoints(t, "food-blue", "10.0.1.2", "10.0.1.3", "10.0.1.4", "10.0.1.0") // one was replaced
	follow("[10.0.1.1 10.0.1.2] → [10.0.1.0 10.0.1.2]")
	c.endpoints(t, "food", "10.0.0.1", "10.0.0.2") // green is scaled down
	follow("[10.0.1.0 10.0.1.2] → [10.0.1.0]")
	c.endpoints(t, "food-blue") // blue has crashed: green answers all
	follow("[10.0.1.0] → []")
	c.endpoints(t, "food-blue", "10.0.1.9")
	follow("[] → [10.0.1.9]")
}

func TestReplicasRefuses(t *testing.T) {
	t.Run("blue without pods", func(t *testing.T) {
		c := replicasOfFour(t)
		c.endpoints(t, "food-blue")
		if err := c.mover.Shift(t.Context(), c.routes, 1); err == nil || !strings.Contains(err.Error(), "service food-blue has no pod that is ready") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("somebody's slice of that name", func(t *testing.T) {
		c := replicasOfFour(t)
		c.endpoints(t, "food")
		c.store(t, endpointSlices, parse(t, `{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4","endpoints":[],
			"metadata":{"name":"food-food-blue","namespace":"food-svc","resourceVersion":"1"}}`))
		if err := c.mover.Shift(t.Context(), c.routes, 1); err == nil || !strings.Contains(err.Error(), "is not dro's") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a share that can't be written", func(t *testing.T) {
		c := replicasOfFour(t)
		to(t, c, 1)
		c.before = c.object(t)
		refusal := apierrors.NewForbidden(endpointSlices.GroupResource(), "food-food-blue", errors.New("no"))
		c.api.before = func(verb, name string) error {
			if verb == "delete" {
				return refusal
			}
			return nil
		}
		if err := c.mover.Shift(t.Context(), c.routes, 100); !errors.Is(err, refusal) {
			t.Errorf("error %v", err)
		}
		c.api.before = nil
		c.mixes(t, 4, "10.0.1.1") // as it was before
		if c.is(t, 20); text(t, c.object(t)["spec"]) != text(t, c.before["spec"]) {
			t.Errorf("its selector is %s", text(t, c.object(t)["spec"]))
		}
	})
}

func TestNearest(t *testing.T) {
	for _, tc := range []struct{ percent, green, blue, want int }{
		{1, 4, 4, 1}, {20, 4, 4, 1}, {27, 4, 4, 1}, {33, 4, 4, 2}, {50, 4, 4, 4}, {99, 4, 4, 4}, {1, 99, 99, 1}, {10, 99, 99, 11},
		{50, 1, 1, 1}, {50, 4, 0, 0}, {50, 0, 4, 1}, {50, 6, 3, 3},
	} {
		if got := nearest(tc.percent, tc.green, tc.blue); got != tc.want {
			t.Errorf("%d%% of %d and %d: %d, want %d", tc.percent, tc.green, tc.blue, got, tc.want)
		}
	}
	r := replicasOfFour(t).routes[0]
	for percent, want := range map[int]string{
		1: "food gets 20% instead of 1%, the nearest share: 1 of food-blue's pods beside 4 of food's", 20: "", 50: "", 100: "", 0: "",
	} {
		if got := Nearest(r, percent); got != want {
			t.Errorf("%d%%: %q", percent, got)
		}
	}
	if lines, err := Describe(r, 1); err != nil || strings.Join(lines, "") != "endpointslice food-svc/food-food-blue: new, with 1 of food-blue's pods beside 4 of food's" {
		t.Errorf("%q, %v", lines, err)
	}
}
