package slot

import (
	"context"
	"encoding/json"
	"fmt"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// manager is the name under which the API server notes what we wrote.
const manager = "kubectl-dro"

// InstallGreen installs green itself, on the first launch, and waits until it is ready.
func (s *Slots) InstallGreen(ctx context.Context, r Release, progress func(string)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	if err := s.firstConfigs(ctx, r); err != nil {
		return err
	}
	if err := s.install(ctx, r, progress); err != nil {
		return err
	}
	return s.caughtUp(ctx, r.greenServices())
}

// RemoveGreen uninstalls a green that this rollout installed, with the configs made for it.
func (s *Slots) RemoveGreen(ctx context.Context, r Release) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	if err := s.remove(ctx, r, false); err != nil {
		return err
	}
	chosen := metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(metav1.SetAsLabelSelector(s.marks("green")))}
	once := metav1.DeleteOptions{}
	if err := s.client.CoreV1().ConfigMaps(s.namespace).DeleteCollection(ctx, once, chosen); err != nil {
		return fmt.Errorf("remove the configmaps of rollout %s: %w", s.bp.ID, err)
	}
	if err := s.client.CoreV1().Secrets(s.namespace).DeleteCollection(ctx, once, chosen); err != nil {
		return fmt.Errorf("remove the secrets of rollout %s: %w", s.bp.ID, err)
	}
	return nil
}

// UpgradeGreen makes green of the release's components the new version and waits until it is ready: a Helm release by
// an upgrade, a plain workload by its image.
func (s *Slots) UpgradeGreen(ctx context.Context, r Release, progress func(string)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	if err := s.settleConfigs(ctx, r); err != nil {
		return err
	}
	if err := s.renew(ctx, r, progress); err != nil {
		return err
	}
	return s.caughtUp(ctx, r.greenServices())
}

// renew upgrades green's Helm release or its plain workloads, and waits for their pods.
func (s *Slots) renew(ctx context.Context, r Release, progress func(string)) error {
	if name := r.Components[0].GreenRelease; name != "" {
		h, err := s.helm(ctx)
		if err != nil {
			return err
		}
		rel, err := s.upgrade(ctx, h, r)
		if err != nil {
			return fmt.Errorf("upgrade helm release %s/%s: %w", s.namespace, name, err)
		}
		return s.ready(ctx, rel, progress)
	}
	var names []string
	for _, c := range r.Components {
		if err := s.setImage(ctx, c); err != nil {
			return fmt.Errorf("set the image of %s in %s to %s: %w", c.GreenWorkload, s.namespace, c.BlueImage, err)
		}
		names = append(names, c.GreenWorkload)
	}
	return s.waitFor(ctx, names, progress)
}

// setImage changes nothing in a plain workload but one container's image.
func (s *Slots) setImage(ctx context.Context, c Component) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"containers": []any{map[string]any{"name": c.Container, "image": c.BlueImage}},
	}}}})
	if err != nil {
		return err
	}
	kind, name := split(c.GreenWorkload)
	options := metav1.PatchOptions{FieldManager: manager}
	if kind == "StatefulSet" {
		_, err = s.client.AppsV1().StatefulSets(s.namespace).Patch(ctx, name, types.StrategicMergePatchType, patch, options)
	} else {
		_, err = s.client.AppsV1().Deployments(s.namespace).Patch(ctx, name, types.StrategicMergePatchType, patch, options)
	}
	return err
}

// upgrade upgrades green's Helm release, unless this rollout has done so already.
func (s *Slots) upgrade(ctx context.Context, h helm, r Release) (*release.Release, error) {
	name, done := r.Components[0].GreenRelease, "kubectl dro: settled rollout "+s.bp.ID
	rel, err := h.last(name)
	if err != nil {
		return nil, err
	}
	if rel == nil {
		return nil, fmt.Errorf("it is gone")
	}
	current, err := shows(rel, r)
	if err != nil {
		return nil, err
	}
	if current && rel.Info.Status == release.StatusDeployed && rel.Info.Description == done {
		return rel, nil
	}
	if rel.Info.Status.IsPending() {
		if !current || rel.Info.Status != release.StatusPendingUpgrade {
			return nil, fmt.Errorf("it is in %s: another operation is under way, or was cut short\n"+
				"  let it end, or undo it with helm rollback %s -n %s", rel.Info.Status, name, s.namespace)
		}
		rel.SetStatus(release.StatusFailed, "cut short by the end of the process that ran it")
		if err := h.Releases.Update(rel); err != nil {
			return nil, err
		}
	}
	w, err := look(ctx, s.client, s.namespace, s.bp.ID)
	if err != nil {
		return nil, err
	}
	ch, values, err := s.proven(h, w, r)
	if err != nil {
		return nil, err
	}
	up := action.NewUpgrade(h.Configuration)
	up.Namespace, up.Timeout, up.Description, up.ResetValues = s.namespace, s.Timeout, done, true
	up.MaxHistory = 10
	rel, err = up.Run(name, ch, values)
	return rel, h.log.explain(err)
}

// shows says whether a revision of a release runs the components' new images: a rollout's name alone may be an earlier
// launch's, with another tag.
func shows(rel *release.Release, r Release) (bool, error) {
	objects, err := readObjects([]byte(rel.Manifest))
	if err != nil {
		return false, err
	}
	for _, c := range r.Components {
		if _, _, err := running(objects, c); err != nil {
			return false, nil
		}
	}
	return true, nil
}

// proven is the chart and the values that blue was made from, as Helm kept them. Helm keeps no subcharts; a chart that
// has some is loaded again.
func (s *Slots) proven(h helm, w world, r Release) (*chart.Chart, map[string]any, error) {
	rel, err := h.deployed(r.Name)
	if err != nil {
		return nil, nil, err
	}
	if rel != nil && s.ours(rel) && len(rel.Chart.Metadata.Dependencies) == 0 {
		return rel.Chart, rel.Config, nil
	}
	return s.material(h, w, r)
}
