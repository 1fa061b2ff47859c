package blueprint

// Blueprint says which images, configs, tests, KPIs and traffic phases make up a release.
//
// The tags are read by the loader and the schema: doc is the field's description, min and max bound a number.
type Blueprint struct {
	ID         string         `json:"id" doc:"Name of the rollout, such as foodsvc-v2."`
	App        string         `json:"app,omitempty" doc:"What successive blueprints release. Default: id without a trailing -v…."`
	Namespace  string         `json:"namespace,omitempty" doc:"Where the application runs. Default: the kubeconfig's; -n wins."`
	Images     []Component    `json:"images" doc:"The components to release. The first is the primary."`
	Configs    []Config       `json:"configs,omitempty" doc:"ConfigMaps and Secrets that are versioned with the slot."`
	Tests      []Test         `json:"tests,omitempty" doc:"Commands that must succeed before traffic moves."`
	KPI        map[string]KPI `json:"kpi,omitempty" doc:"The numbers to watch while blue carries traffic, by name."`
	Phases     []Phase        `json:"phases" doc:"Ascending traffic shares for blue; the last is 100%."`
	Rollback   Policy         `json:"rollback,omitempty" doc:"What happens on a breach: auto goes back, manual stops and asks. Default: auto."`
	OnSilence  Silence        `json:"onSilence,omitempty" doc:"What the standby does when the launcher falls silent before blue has proven itself: rollback, continue or hold. Default: rollback."`
	Keep       *Duration      `json:"keep,omitempty" doc:"How long green stays as it was after blue carries 100%. Default: 15m; 0s settles at once."`
	Prometheus *Prometheus    `json:"prometheus,omitempty" doc:"How Prometheus is reached. Default: as the namespace's dro-config says, or found in the cluster."`
	Hooks      bool           `json:"hooks,omitempty" doc:"Run the charts' install hooks for blue as well."`
	Events     *Events        `json:"events,omitempty" doc:"Who hears of the rollout."`
}

// Component is one image of the release: a service or a micro front end.
type Component struct {
	Svc      string   `json:"svc,omitempty" doc:"Name of the component, when it is a service."`
	MFE      string   `json:"mfe,omitempty" doc:"Name of the component, when it is a micro front end."`
	Tag      string   `json:"tag,omitempty" doc:"The image's new tag. Quote it."`
	Digest   string   `json:"digest,omitempty" doc:"The image's new digest, such as sha256:…."`
	Image    string   `json:"image,omitempty" doc:"The image's repository, perhaps with its tag or digest. Default: green's repository."`
	Chart    string   `json:"chart,omitempty" doc:"A chart's directory, archive, or reference Helm understands. Default: what green was made from."`
	Version  string   `json:"version,omitempty" doc:"The chart's version."`
	Values   Values   `json:"values,omitempty" doc:"Values for the chart."`
	Set      []string `json:"set,omitempty" doc:"Values for the chart, each as path=value like helm --set."`
	TagValue string   `json:"tagValue,omitempty" doc:"Where the chart takes the tag. Default: image.tag."`
	Replicas *int32   `json:"replicas,omitempty" min:"0" max:"10000" doc:"How many pods blue has. Default: as many as green at that moment."`
	Port     int32    `json:"port,omitempty" min:"1" max:"65535" doc:"The container's port, for the built-in chart. Default: 8080."`
	Service  string   `json:"service,omitempty" doc:"Green's Service. Default: the component's name."`
	Router   *Router  `json:"router,omitempty" doc:"kind/name of the router, when several point at green, or service; or a router dro does not know."`
}

// Name is the component's name, whichever kind it is.
func (c Component) Name() string {
	if c.Svc != "" {
		return c.Svc
	}
	return c.MFE
}

// Values are a chart's values. Whole numbers stay whole: they are int64, not float64.
type Values map[string]any

// Config is a ConfigMap or Secret that is versioned with the slot.
type Config struct {
	Name  string            `json:"name" doc:"Name that the workload refers to."`
	Files []string          `json:"files,omitempty" doc:"Files in or below the blueprint's folder; each becomes a key named like the file."`
	Data  map[string]string `json:"data,omitempty" doc:"Keys and their content, written out."`
	From  string            `json:"from,omitempty" doc:"configmap/NAME or secret/NAME, an object in the namespace to copy."`
}

// Test is a command that runs in the cluster, as a Job, before traffic moves.
type Test struct {
	Name    string            `json:"name" doc:"Name of the test."`
	Cmd     string            `json:"cmd,omitempty" doc:"Shell command, run in a Job in the cluster."`
	Image   string            `json:"image,omitempty" doc:"Image the command runs in. Default: a small one with a shell and curl."`
	Timeout *Duration         `json:"timeout,omitempty" doc:"How long one try may take. Default: 1m."`
	Retries int               `json:"retries,omitempty" min:"0" max:"100" doc:"How often a failed test is tried again. Default: 0."`
	Env     map[string]string `json:"env,omitempty" doc:"Environment of the command. BLUE_URL and GREEN_URL are set by dro."`
	Before  string            `json:"before,omitempty" doc:"Name of the phase before which it runs. Default: the first."`
	Target  Slot              `json:"target,omitempty" doc:"Which slot is tested. Default: blue."`
	Helm    bool              `json:"helm,omitempty" doc:"Run the chart's own tests instead of cmd."`
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
	Threshold Threshold `json:"threshold" doc:"What steady means."`
	Kind      KPIKind   `json:"kind,omitempty" doc:"How samples are judged. Default: what the queries imply."`
	Good      string    `json:"good,omitempty" doc:"ratio: PromQL selector of the counter of good requests."`
	Bad       string    `json:"bad,omitempty" doc:"ratio: PromQL selector of the counter of bad requests."`
	Total     string    `json:"total,omitempty" doc:"ratio: PromQL selector of the counter of all requests."`
	Buckets   string    `json:"buckets,omitempty" doc:"quantile: PromQL selector of the histogram's _bucket counters."`
	Unit      string    `json:"unit,omitempty" doc:"quantile: what the buckets' bounds are in, s or ms. Default: s."`
	Quantile  float64   `json:"quantile,omitempty" doc:"quantile: which one, between 0 and 1, such as 0.99."`
	Query     string    `json:"query,omitempty" doc:"value: PromQL that yields one number."`
	Source    Source    `json:"source,omitempty" doc:"Where the numbers come from. Default: prometheus."`
	URL       string    `json:"url,omitempty" doc:"web: address that answers with JSON; the queries are JSONPath then."`
	Secret    string    `json:"secret,omitempty" doc:"web: name of a Secret whose keys and values are sent as headers."`
	Pods      string    `json:"pods,omitempty" doc:"pods: whose metrics, as NAMESPACE/LABEL=VALUE, such as a gateway's. Default: each slot's own."`
	Port      string    `json:"port,omitempty" doc:"pods: number of the port with the metrics. Default: what the pod's annotations or ports say."`
	Path      string    `json:"path,omitempty" doc:"pods: path of the metrics. Default: what the pod's annotations say, or /metrics."`
	Cmd       string    `json:"cmd,omitempty" doc:"job: shell command whose exit code is the number."`
	Image     string    `json:"image,omitempty" doc:"job: image the command runs in. Default: a small one with a shell and curl."`
	Timeout   *Duration `json:"timeout,omitempty" doc:"job: how long one run may take. Default: 1m."`
	Interval  *Duration `json:"interval,omitempty" doc:"Least time between samples. Default: the scrape interval, 2s for other sources; less than 1s for source pods only."`
	NoData    NoData    `json:"noData,omitempty" doc:"What happens when it stays inconclusive. Default: rollback."`
	For       int       `json:"for,omitempty" min:"1" max:"1000" doc:"value: consecutive breaches that count. Default: 2."`
}

// Prometheus is how Prometheus, or what speaks its API, is reached.
type Prometheus struct {
	Address  string            `json:"address,omitempty" doc:"A URL, or NAMESPACE/SERVICE:PORT through the API server."`
	Secret   string            `json:"secret,omitempty" doc:"Name of a Secret with token, or username and password, ca.crt, tls.crt and tls.key, or header.NAME."`
	Headers  map[string]string `json:"headers,omitempty" doc:"Headers of each request, such as X-Scope-OrgID. None that is secret."`
	Insecure bool              `json:"insecure,omitempty" doc:"Don't check the server's certificate."`
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

// Phase is a traffic share for blue, held until its gate opens.
type Phase struct {
	Name    string    `json:"name" doc:"Name of the phase."`
	Traffic Percent   `json:"traffic" doc:"Blue's share of the traffic."`
	Hold    *Duration `json:"hold,omitempty" doc:"How long the share is held at least. Default: 30s."`
	Gate    Gate      `json:"gate,omitempty" doc:"auto opens by itself, manual waits for a person. Default: auto."`
	Advance Advance   `json:"advance,omitempty" doc:"hold holds the share for all of hold, proven goes on as soon as every KPI is proven healthy. Default: hold."`
	Match   *Match    `json:"match,omitempty" doc:"Requests that all go to blue; the others follow traffic, which may be 0% then."`
	Sticky  bool      `json:"sticky,omitempty" doc:"A person stays on the slot they met first."`
	Mirror  Percent   `json:"mirror,omitempty" doc:"The share of requests of which blue gets a copy, whose answer nobody sees; traffic may be 0% then."`
}

// Match chooses requests: those that have all that it names.
type Match struct {
	Headers      map[string]string `json:"headers,omitempty" doc:"Headers and their values."`
	Cookies      map[string]string `json:"cookies,omitempty" doc:"Cookies and their values."`
	Query        map[string]string `json:"query,omitempty" doc:"Query parameters and their values."`
	SourceLabels map[string]string `json:"sourceLabels,omitempty" doc:"Labels of the pods that requests come from."`
}

// Advance says when a phase's hold is over.
type Advance string

// The ways to advance.
const (
	AdvanceHold   Advance = "hold"
	AdvanceProven Advance = "proven"
)

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

// Silence says what becomes of a rollout whose launcher falls silent.
type Silence string

// What the standby does then.
const (
	SilenceRollback Silence = "rollback" // everything goes back to green
	SilenceContinue Silence = "continue" // it goes on in the launcher's place
	SilenceHold     Silence = "hold"     // it keeps the share, watches the KPIs, and waits for a person
)

// Events says who hears of the rollout.
type Events struct {
	Webhook string `json:"webhook,omitempty" doc:"http or https address that gets each event as a CloudEvent."`
}

// choices are the words a field may hold. The loader, the validation and the schema read them.
type choices interface{ choices() []string }

func (Slot) choices() []string    { return []string{string(Blue), string(Green)} }
func (KPIKind) choices() []string { return []string{string(Ratio), string(Quantile), string(Value)} }
func (NoData) choices() []string {
	return []string{string(NoDataRollback), string(NoDataPause), string(NoDataIgnore)}
}
func (Gate) choices() []string { return []string{string(GateAuto), string(GateManual)} }
func (Advance) choices() []string {
	return []string{string(AdvanceHold), string(AdvanceProven)}
}
func (Policy) choices() []string { return []string{string(RollbackAuto), string(RollbackManual)} }
func (Silence) choices() []string {
	return []string{string(SilenceRollback), string(SilenceContinue), string(SilenceHold)}
}
