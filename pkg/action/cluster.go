package action

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"dro.dev/kubectl-dro/pkg/kpi"
	"dro.dev/kubectl-dro/pkg/record"
)

// Cluster is the user's way to the cluster, in one namespace.
type Cluster struct {
	Getter    genericclioptions.RESTClientGetter
	Namespace string
	Client    kubernetes.Interface
	Dynamic   dynamic.Interface
	Self      string // names this process to other people
	Inside    bool   // this process runs in the cluster
}

// Connect makes the clients of a kubeconfig. It sends nothing yet. An empty namespace is the kubeconfig's.
func Connect(getter genericclioptions.RESTClientGetter, namespace string) (*Cluster, error) {
	return dial(limited{getter}, namespace)
}

func dial(getter genericclioptions.RESTClientGetter, namespace string) (*Cluster, error) {
	config, err := getter.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 100 // the client's own default of 5 a second would slow a launch, not protect a server
	if namespace == "" {
		if namespace, _, err = getter.ToRawKubeConfigLoader().Namespace(); err != nil {
			return nil, fmt.Errorf("read the kubeconfig's namespace: %w", err)
		}
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return &Cluster{Getter: getter, Namespace: namespace, Client: client, Dynamic: dyn, Self: self()}, nil
}

// Records is the store of the namespace's rollouts.
func (c *Cluster) Records() record.Store {
	return record.Store{Secrets: c.Client.CoreV1().Secrets(c.Namespace)}
}

// reachable says early, and in one sentence, that there is no cluster or no such namespace.
func (c *Cluster) reachable(ctx context.Context) error {
	_, err := c.Client.CoreV1().Namespaces().Get(ctx, c.Namespace, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("namespace %s does not exist\n  name another: -n NAME, or create it: kubectl create namespace %s", c.Namespace, c.Namespace)
	case apierrors.IsForbidden(err):
		return nil // a user of one namespace may not read namespaces
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the cluster does not accept the kubeconfig's credentials: %w", err)
	case err != nil:
		return fmt.Errorf("reach the cluster: %w\n  check the context: kubectl config current-context", err)
	}
	return nil
}

// The names in ConfigMap dro-config, a namespace's defaults.
const (
	configName       = "dro-config"
	configPrometheus = "prometheus"         // a URL, or namespace/service:port
	configSecret     = "prometheusSecret"   // name of a Secret with credentials
	configHeaders    = "prometheusHeaders"  // YAML: headers of each request
	configInsecure   = "prometheusInsecure" // "true": the server's certificate is not checked
	configTestImage  = "testImage"          // an image with sh and curl
	configStandby    = "standby"            // off, auto or required
	configImage      = "standbyImage"
	configRouter     = "router" // a router that dro does not know, as a blueprint describes one
)

// defaults reads the namespace's ConfigMap dro-config. A namespace without one has none.
func (c *Cluster) defaults(ctx context.Context) (map[string]string, error) {
	found, err := c.Client.CoreV1().ConfigMaps(c.Namespace).Get(ctx, configName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read configmap %s/%s: %w", c.Namespace, configName, err)
	}
	return known(found)
}

func known(config *corev1.ConfigMap) (map[string]string, error) {
	names := []string{configPrometheus, configSecret, configHeaders, configInsecure, configTestImage, configStandby, configImage, configRouter}
	for key := range config.Data {
		if !slices.Contains(names, key) {
			return nil, fmt.Errorf("configmap %s/%s: unknown key %q; known: %s",
				config.Namespace, config.Name, key, strings.Join(names, ", "))
		}
	}
	return config.Data, nil
}

// access is how Prometheus is reached: where the user says, else as the blueprint or else the namespace's defaults say.
func access(flag string, bp *blueprint.Prometheus, config map[string]string) (kpi.Access, error) {
	a := kpi.Access{Address: config[configPrometheus], Secret: config[configSecret]}
	if text := config[configHeaders]; text != "" {
		if err := yaml.UnmarshalStrict([]byte(text), &a.Headers); err != nil {
			return a, fmt.Errorf("configmap %s: %s: write it as NAME: VALUE lines: %w", configName, configHeaders, err)
		}
	}
	switch insecure := config[configInsecure]; insecure {
	case "", "false":
	case "true":
		a.Insecure = true
	default:
		return a, fmt.Errorf("configmap %s: %s: %q is neither true nor false", configName, configInsecure, insecure)
	}
	if bp != nil {
		a = kpi.Access{Address: bp.Address, Secret: bp.Secret, Headers: bp.Headers, Insecure: bp.Insecure}
	}
	if flag != "" && flag != a.Address {
		// Credentials are for the place they were given for.
		a = kpi.Access{Address: flag}
	}
	return a, nil
}

// customRouter is the router that the namespace's configuration brings, if it does.
func customRouter(config map[string]string, namespace string) (*blueprint.Router, error) {
	text, ok := config[configRouter]
	if !ok {
		return nil, nil
	}
	r, err := blueprint.ParseRouter([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("configmap %s/%s: key %s: %w", namespace, configName, configRouter, err)
	}
	return r, nil
}
