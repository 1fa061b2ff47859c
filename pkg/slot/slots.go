package slot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dro.dev/kubectl-dro/pkg/blueprint"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Slots makes and removes the slots of one rollout.
type Slots struct {
	Timeout time.Duration // how long a slot may take to get ready

	namespace string
	bp        *blueprint.Blueprint
	client    kubernetes.Interface
	monitors  monitors
	helm      func(ctx context.Context) (helm, error)
}

// New returns the slots of the rollout that bp describes.
func New(getter genericclioptions.RESTClientGetter, namespace string, bp *blueprint.Blueprint) (*Slots, error) {
	config, err := getter.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("ready the cluster's client: %w", err)
	}
	untyped, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("ready the cluster's client: %w", err)
	}
	return &Slots{
		Timeout: 5 * time.Minute, namespace: namespace, bp: bp, client: client,
		monitors: monitors{untyped, func() (meta.RESTMapper, error) { return getter.ToRESTMapper() }},
		helm:     func(ctx context.Context) (helm, error) { return newHelm(ctx, getter, namespace) },
	}, nil
}

// configs reads what the blueprint's configs hold.
func (s *Slots) configs(ctx context.Context) ([]config, error) {
	var all []config
	for _, c := range s.bp.Configs {
		if c.From == "" {
			all = append(all, given(c))
			continue
		}
		kind, name, _ := strings.Cut(c.From, "/")
		switch kind {
		case "configmap":
			o, err := s.client.CoreV1().ConfigMaps(s.namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return nil, fmt.Errorf("config %s: from %s: %w", c.Name, c.From, err)
			}
			all = append(all, fromConfigMap(c.Name, o))
		case "secret":
			o, err := s.client.CoreV1().Secrets(s.namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return nil, fmt.Errorf("config %s: from %s: %w", c.Name, c.From, err)
			}
			all = append(all, fromSecret(c.Name, o))
		default:
			return nil, fmt.Errorf("config %s: from %q is neither configmap/NAME nor secret/NAME", c.Name, c.From)
		}
	}
	return all, nil
}
