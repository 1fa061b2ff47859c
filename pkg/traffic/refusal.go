package traffic

import (
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
)

// explained adds to an error of the API server what a person can do about it.
func explained(r Route, err error) error {
	switch {
	case err == nil || strings.Contains(err.Error(), "\n  "):
		return err
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err) && strings.Contains(err.Error(), "could not find the requested resource"):
		return fmt.Errorf("%s: %w\n  the cluster no longer serves %s.%s: bring its CustomResourceDefinition back, or abort the rollout",
			r, err, r.Row.Resource, r.Row.Group)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s: %w\n  someone deleted it since the launch; bring it back, or abort the rollout", r, err)
	case strings.Contains(err.Error(), "admission webhook"):
		return fmt.Errorf("%w\n  an admission webhook of the cluster refuses the write: let it accept field manager %s, or use another router", err, owner)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w\n  dro needs the verbs %s on %s.%s in namespace %s",
			err, strings.Join(r.Row.Verbs(), ", "), r.Row.Resource, r.Row.Group, r.Namespace)
	case apierrors.IsInvalid(err):
		return fmt.Errorf("%w\n  the API server does not accept the route with these weights: correct what it names, then launch again", err)
	}
	return err
}
