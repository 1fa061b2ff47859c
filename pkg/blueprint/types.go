package blueprint

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Blueprint says which images, configs, tests, KPIs and traffic phases make up a release.
type Blueprint struct {
	ID        string         `json:"id"`
	App       string         `json:"app,omitempty"`       // default: id without a trailing -v…
	Namespace string         `json:"namespace,omitempty"` // default: the kubeconfig's
	Images    []Component    `json:"images"`
	Configs   []Config       `json:"configs,omitempty"`
	Tests     []Test         `json:"tests,omitempty"`
	KPI       map[string]KPI `json:"kpi,omitempty"`
	Phases    []Phase        `json:"phases"`
	Rollback  Policy         `json:"rollback,omitempty"` // default: auto
	Keep      *Duration      `json:"keep,omitempty"`     // default: 15m; 0s settles at once
	Hooks     bool           `json:"hooks,omitempty"`    // run the charts' install hooks for blue as well
	Events    *Events        `json:"events,omitempty"`
}

// Duration is a length of time as Go writes it: 90s, 5m, 1h30m.
type Duration = metav1.Duration

// Component is one image of the release: a service or a micro front end.
type Component struct {
	Svc      string         `json:"svc,omitempty"`
	MFE      string         `json:"mfe,omitempty"`
	Tag      string         `json:"tag,omitempty"`
	Digest   string         `json:"digest,omitempty"`
	Image    string         `json:"image,omitempty"`    // repository; default: green's
	Chart    string         `json:"chart,omitempty"`    // a directory, archive, or reference Helm understands
	Version  string         `json:"version,omitempty"`  // of the chart
	Values   map[string]any `json:"values,omitempty"`   // for the chart
	Set      []string       `json:"set,omitempty"`      // for the chart, as helm --set
	TagValue string         `json:"tagValue,omitempty"` // where the chart takes the tag; default image.tag
	Replicas *int32         `json:"replicas,omitempty"` // default: as many as green has
	Port     int32          `json:"port,omitempty"`     // the container's; default 8080, used by the built-in chart
	Service  string         `json:"service,omitempty"`  // green's Service; default: the component's name
	Router   string         `json:"router,omitempty"`   // kind/name, when several routers point at green
}

// Name is the component's name, whichever kind it is.
func (c Component) Name() string {
	if c.Svc != "" {
		return c.Svc
	}
	return c.MFE
}

// Config is a ConfigMap or Secret that is versioned with the slot.
type Config struct {
	Name  string            `json:"name"`
	Files []string          `json:"files,omitempty"` // relative to the blueprint
	Data  map[string]string `json:"data,omitempty"`
	From  string            `json:"from,omitempty"` // configmap/NAME or secret/NAME in the namespace
}

// Test is a command that runs in the cluster, as a Job, before traffic moves.
type Test struct {
	Name    string            `json:"name"`
	Cmd     string            `json:"cmd,omitempty"`
	Image   string            `json:"image,omitempty"`
	Timeout *Duration         `json:"timeout,omitempty"` // default 1m
	Retries int               `json:"retries,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	Before  string            `json:"before,omitempty"` // phase before which it runs; default: the first
	Target  Slot              `json:"target,omitempty"` // default: blue
	Helm    bool              `json:"helm,omitempty"`   // run the chart's own tests instead of cmd
}

// Slot is one of the two copies of an application.
type Slot string

// The two slots.
const (
	Blue  Slot = "blue"
	Green Slot = "green"
)

// KPI is a number to watch while blue carries traffic. The short form is the threshold alone.
type KPI struct {
	Threshold Threshold `json:"threshold"`
	Kind      KPIKind   `json:"kind,omitempty"`    // default: what the definition's queries imply
	Good      string    `json:"good,omitempty"`    // ratio: counter of good requests
	Bad       string    `json:"bad,omitempty"`     // ratio: counter of bad requests
	Total     string    `json:"total,omitempty"`   // ratio: counter of all requests
	Buckets   string    `json:"buckets,omitempty"` // quantile: the histogram's _bucket counters
	Quantile  float64   `json:"quantile,omitempty"`
	Query     string    `json:"query,omitempty"` // value: one number
	Interval  *Duration `json:"interval,omitempty"`
	NoData    NoData    `json:"noData,omitempty"` // default: rollback
	For       int       `json:"for,omitempty"`    // consecutive breaches that count; default 2
}

// KPIKind says how a KPI's samples are judged.
type KPIKind string

// The kinds of KPI.
const (
	Ratio    KPIKind = "ratio"
	Quantile KPIKind = "quantile"
	Value    KPIKind = "value"
)

// NoData is what happens when a KPI stays inconclusive past its limit.
type NoData string

// What to do about absent data.
const (
	NoDataRollback NoData = "rollback"
	NoDataPause    NoData = "pause"
	NoDataIgnore   NoData = "ignore"
)

// Threshold is a bound such as "< 0.5%", "> 98%", "< 300ms" or "< 1.2x green".
type Threshold struct {
	Op       string  // one of < <= > >=
	Value    float64 // as a plain number: 0.5% is 0.005, 300ms is 0.3
	Unit     string  // as written: "%", "ms", "s" or none
	Relative bool    // Value is a multiple of green's over the same minutes
}

// Phase is a traffic share for blue, held until its gate opens.
type Phase struct {
	Name    string    `json:"name"`
	Traffic Percent   `json:"traffic"`
	Hold    *Duration `json:"hold,omitempty"` // default 30s
	Gate    Gate      `json:"gate,omitempty"` // default auto
}

// Percent is a whole share of traffic, 0 to 100.
type Percent int

// Gate says who opens a phase's promotion gate.
type Gate string

// The gates.
const (
	GateAuto   Gate = "auto"
	GateManual Gate = "manual"
)

// Policy says what happens on a breach.
type Policy string

// The rollback policies.
const (
	RollbackAuto   Policy = "auto"
	RollbackManual Policy = "manual"
)

// Events says who hears of the rollout.
type Events struct {
	Webhook string `json:"webhook,omitempty"`
}
