package action

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"dro.dev/kubectl-dro/pkg/record"
)

// Cluster is the user's way to the cluster, in one namespace.
type Cluster struct {
	Getter    genericclioptions.RESTClientGetter
	Namespace string
	Client    kubernetes.Interface
	Dynamic   dynamic.Interface
}

// Connect makes the clients of a kubeconfig. It sends nothing yet. An empty namespace is the kubeconfig's.
func Connect(getter genericclioptions.RESTClientGetter, namespace string) (*Cluster, error) {
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
	return &Cluster{Getter: getter, Namespace: namespace, Client: client, Dynamic: dyn}, nil
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
	configPrometheus = "prometheus" // a URL, or namespace/service:port
	configTestImage  = "testImage"  // an image with sh and curl
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
	for key := range config.Data {
		if key != configPrometheus && key != configTestImage {
			return nil, fmt.Errorf("configmap %s/%s: unknown key %q; known: %s, %s",
				config.Namespace, config.Name, key, configPrometheus, configTestImage)
		}
	}
	return config.Data, nil
}
