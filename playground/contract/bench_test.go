package contract

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"dro.dev/kubectl-dro/pkg/traffic"
)

// component is one of those that the routes in routes/ serve, beside a third party's backend named other.
type component struct{ green, blue string }

var (
	food = component{"food", "food-blue"}
	menu = component{"menu", "menu-blue"}
)

// Who owns what in the routes, as with a GitOps tool and a team's own.
const (
	gitops = "argocd-controller"
	team   = "checkout-team"
)

// bench is one row with a user's routes of its kind, in a namespace of its own.
type bench struct {
	config   *rest.Config
	row      traffic.Row
	ns       string
	manifest string
	owner    dynamic.Interface // the users'
	mover    *traffic.Mover    // dro's own
	requests *requests         // the mover's
}

func newBench(t *testing.T, config *rest.Config, row traffic.Row) *bench {
	t.Helper()
	return benchOf(t, config, row, "routes/"+row.Name+".yaml")
}

// benchOf is a bench with the routes of a file.
func benchOf(t *testing.T, config *rest.Config, row traffic.Row, file string) *bench {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, "read a route of the kind", err)
	client, err := kubernetes.NewForConfig(config)
	must(t, "connect", err)
	ns, err := client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "shop-"}}, metav1.CreateOptions{})
	must(t, "make a namespace", err)

	manifest := strings.NewReplacer("NAMESPACE", ns.Name, "food-svc", ns.Name).Replace(string(text))
	b := &bench{config: config, row: row, ns: ns.Name, manifest: manifest, requests: &requests{}}
	b.owner, err = dynamic.NewForConfig(config)
	must(t, "connect", err)
	counted := rest.CopyConfig(config)
	counted.Wrap(func(next http.RoundTripper) http.RoundTripper { b.requests.next = next; return b.requests })
	mine, err := dynamic.NewForConfig(counted)
	must(t, "connect", err)
	b.mover = &traffic.Mover{Client: mine, Warn: func(m string) { t.Error("warned of: " + m) }}
	b.apply(t)
	t.Cleanup(func() { b.clear(t) })
	for name := range b.snapshot(t) {
		label := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"labels":{"checkout.example/team":"a"}}}`,
			row.GVR().GroupVersion(), row.Kind, name)
		_, err := b.routes().Patch(t.Context(), name, types.ApplyPatchType, []byte(label), metav1.PatchOptions{FieldManager: team})
		must(t, "label "+name, err)
	}
	return b
}

func (b *bench) routes() dynamic.ResourceInterface {
	return b.owner.Resource(b.row.GVR()).Namespace(b.ns)
}

// apply applies the manifests as a GitOps tool does.
func (b *bench) apply(t *testing.T) {
	t.Helper()
	for _, o := range documents(t, b.row.Name, []byte(b.manifest)) {
		resource := b.row.GVR()
		if o.GetKind() != b.row.Kind {
			plural := strings.ToLower(o.GetKind()) + "s"
			resource = schema.GroupVersionResource{Group: o.GroupVersionKind().Group, Version: o.GroupVersionKind().Version, Resource: plural}
		}
		o.SetNamespace(b.ns)
		_, err := b.owner.Resource(resource).Namespace(b.ns).Apply(t.Context(), o.GetName(), o,
			metav1.ApplyOptions{FieldManager: gitops, Force: true})
		must(t, fmt.Sprintf("apply %s %s", o.GetKind(), o.GetName()), err)
	}
}

// clear removes the routes: dro looks for routes in the whole cluster, and would look through all of them each time.
func (b *bench) clear(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended
	defer cancel()
	if err := b.routes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		t.Errorf("remove the %s: %v", b.row.Resource, err)
	}
}

// objects are all of the row's kind in the namespace.
func (b *bench) objects(t *testing.T) []unstructured.Unstructured {
	t.Helper()
	list, err := b.routes().List(t.Context(), metav1.ListOptions{})
	must(t, "list "+b.row.Resource, err)
	return list.Items
}

// put writes objects over what there is, as their owner.
func (b *bench) put(t *testing.T, objects []unstructured.Unstructured) {
	t.Helper()
	for _, o := range objects {
		now, err := b.routes().Get(t.Context(), o.GetName(), metav1.GetOptions{})
		must(t, "read "+o.GetName(), err)
		o = *o.DeepCopy()
		o.SetResourceVersion(now.GetResourceVersion())
		o.SetManagedFields(nil)
		_, err = b.routes().Update(t.Context(), &o, metav1.UpdateOptions{FieldManager: gitops})
		must(t, "write "+o.GetName(), err)
	}
}

// edit sets an annotation of every object, as a person would.
func (b *bench) edit(t *testing.T, key, value string) {
	t.Helper()
	for _, o := range b.objects(t) {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, key, value)
		_, err := b.routes().Patch(t.Context(), o.GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: team})
		must(t, "edit "+o.GetName(), err)
	}
}

// takeOut makes a person name another Service wherever this one is named.
func (b *bench) takeOut(t *testing.T, service string) {
	t.Helper()
	objects := b.objects(t)
	name := regexp.MustCompile(`\b` + service + `\b`)
	for _, o := range objects {
		if spec, ok := o.Object["spec"]; ok {
			o.Object["spec"] = renamed(spec, name)
		}
		annotations := o.GetAnnotations()
		for k, v := range annotations {
			annotations[k] = name.ReplaceAllString(v, "elsewhere")
		}
		o.SetAnnotations(annotations)
	}
	b.put(t, objects)
}

func renamed(v any, name *regexp.Regexp) any {
	switch v := v.(type) {
	case string:
		return name.ReplaceAllString(v, "elsewhere")
	case []any:
		for i := range v {
			v[i] = renamed(v[i], name)
		}
		return v
	case map[string]any:
		for k := range v {
			v[k] = renamed(v[k], name)
		}
		return v
	default:
		return runtime.DeepCopyJSONValue(v)
	}
}

// requests counts what is asked of the row's resource and lets others in before a write.
type requests struct {
	next http.RoundTripper

	mu            sync.Mutex
	reads, writes int
	before        func()
}

// RoundTrip sends a request on.
func (r *requests) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	before := r.before
	if req.Method == http.MethodGet {
		r.reads++
		before = nil
	} else {
		r.writes++
	}
	r.mu.Unlock()
	if before != nil {
		before()
	}
	return r.next.RoundTrip(req)
}

func (r *requests) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads, r.writes = 0, 0
}

func (r *requests) count() (reads, writes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads, r.writes
}

func (r *requests) beforeWrite(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = do
}
