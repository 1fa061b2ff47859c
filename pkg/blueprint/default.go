package blueprint

import (
	"regexp"
	"time"
)

// Default fills in what the blueprint leaves out. Doing it twice changes nothing more. The namespace stays empty:
// the kubeconfig's is not known here.
func (b *Blueprint) Default() {
	fill(&b.App, appOf(b.ID))
	fill(&b.Rollback, RollbackAuto)
	fill(&b.OnSilence, SilenceRollback)
	fillDuration(&b.Keep, 15*time.Minute)
	for i := range b.Images {
		c := &b.Images[i]
		fill(&c.TagValue, "image.tag")
		fill(&c.Port, 8080)
		fill(&c.Service, c.Name())
	}
	for i := range b.Phases {
		fillDuration(&b.Phases[i].Hold, 30*time.Second)
		fill(&b.Phases[i].Gate, GateAuto)
		fill(&b.Phases[i].Advance, AdvanceHold)
	}
	for i := range b.Tests {
		t := &b.Tests[i]
		fill(&t.Target, Blue)
		fillDuration(&t.Timeout, time.Minute)
		if len(b.Phases) > 0 {
			fill(&t.Before, b.Phases[0].Name)
		}
	}
	for name, k := range b.KPI {
		fill(&k.Kind, k.implied())
		fill(&k.NoData, NoDataRollback)
		fill(&k.For, 2)
		b.KPI[name] = k
	}
}

// appOf is the app that an id names: foodsvc for foodsvc-v2.1.
func appOf(id string) string { return version.ReplaceAllString(id, "$1") }

// implied is the kind that a KPI's own queries belong to; none when it is defined elsewhere.
func (k KPI) implied() KPIKind {
	switch {
	case k.Good+k.Bad+k.Total != "":
		return Ratio
	case k.Buckets != "":
		return Quantile
	case k.Query != "":
		return Value
	}
	return ""
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func fillDuration(field **Duration, value time.Duration) {
	if *field == nil {
		*field = &Duration{value}
	}
}

// version splits an id into the app's name and the last -v with what follows: -v2, -v2.1-rc1, -v2024-06-15.
var version = regexp.MustCompile(`^(.+)-v[0-9][a-z0-9.-]*$`)
