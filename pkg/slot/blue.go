package slot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
)

// leaving is how long RemoveBlue waits for pods to end. Those that take longer end by themselves.
const leaving = time.Minute

// InstallBlue installs a release of blue with its configs and waits until it is ready. A release that an earlier
// process of this rollout left half-made is made anew: it carries no traffic.
func (s *Slots) InstallBlue(ctx context.Context, r Release, progress func(string)) error {
	return s.install(ctx, r, progress)
}

// install makes a release and waits until it is ready.
func (s *Slots) install(ctx context.Context, r Release, progress func(string)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	h, err := s.helm(ctx)
	if err != nil {
		return err
	}
	rel, err := h.last(r.Name)
	if err != nil {
		return err
	}
	if rel != nil && !s.ours(rel) {
		return fmt.Errorf("helm release %s/%s exists and is not of rollout %s", s.namespace, r.Name, s.bp.ID)
	}
	if rel != nil {
		whole, err := shows(rel, r)
		if err != nil {
			return err
		}
		if whole && rel.Info.Status == release.StatusDeployed {
			return s.ready(ctx, rel, progress)
		}
		if err := s.uninstall(h, rel, !r.First && !s.bp.Hooks); err != nil {
			return err
		}
	}
	if rel, err = s.makeNew(ctx, h, r); err != nil {
		return fmt.Errorf("install helm release %s/%s: %w", s.namespace, r.Name, err)
	}
	return s.ready(ctx, rel, progress)
}

func (s *Slots) ready(ctx context.Context, rel *release.Release, progress func(string)) error {
	if err := s.wait(ctx, rel.Manifest, progress); err != nil {
		return fmt.Errorf("helm release %s/%s: %w", s.namespace, rel.Name, err)
	}
	return nil
}

func (s *Slots) makeNew(ctx context.Context, h helm, r Release) (*release.Release, error) {
	w, err := look(ctx, s.client, s.namespace, s.bp.ID)
	if err != nil {
		return nil, err
	}
	configs, err := s.configs(ctx)
	if err != nil {
		return nil, err
	}
	o, err := s.order(h, w, r, configs)
	if err != nil {
		return nil, err
	}
	return o.run(o.install(h, s.namespace, s.Timeout), h.log)
}

// RemoveBlue uninstalls a release of blue and all that came with it. It is fine with one that is gone already.
func (s *Slots) RemoveBlue(ctx context.Context, r Release) error {
	return s.remove(ctx, r, !s.bp.Hooks)
}

func (s *Slots) remove(ctx context.Context, r Release, skipHooks bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	h, err := s.helm(ctx)
	if err != nil {
		return err
	}
	rel, err := h.last(r.Name)
	if err != nil || rel == nil {
		return err
	}
	if !s.ours(rel) {
		return fmt.Errorf("helm release %s/%s is not of rollout %s: left alone", s.namespace, r.Name, s.bp.ID)
	}
	if err := s.uninstall(h, rel, skipHooks); err != nil {
		return err
	}
	if r.First {
		return nil
	}
	return s.gone(ctx, r)
}

// uninstall removes a release with the objects of the hooks that ran, which Helm leaves behind.
func (s *Slots) uninstall(h helm, rel *release.Release, skipHooks bool) error {
	for _, hook := range rel.Hooks {
		if hook.LastRun.Phase == "" {
			continue
		}
		objects, err := h.KubeClient.Build(strings.NewReader(hook.Manifest), false)
		if err != nil {
			return fmt.Errorf("helm release %s/%s: remove hook %s: %w", s.namespace, rel.Name, hook.Name, err)
		}
		if _, errs := h.KubeClient.Delete(objects); len(errs) > 0 {
			return fmt.Errorf("helm release %s/%s: remove hook %s: %w", s.namespace, rel.Name, hook.Name, errors.Join(errs...))
		}
	}
	un := action.NewUninstall(h.Configuration)
	un.DisableHooks, un.IgnoreNotFound, un.Timeout, un.DeletionPropagation = skipHooks, true, s.Timeout, "background"
	h.log.trouble.Store(nil)
	if _, err := un.Run(rel.Name); err != nil {
		return fmt.Errorf("uninstall helm release %s/%s: %w\n  try again: helm uninstall %s -n %s",
			s.namespace, rel.Name, h.log.because(h.log.explain(err)), rel.Name, s.namespace)
	}
	return nil
}

// gone waits until the pods of a release have ended, for as long as is worth it.
func (s *Slots) gone(ctx context.Context, r Release) error {
	waiting, cancel := context.WithTimeoutCause(ctx, leaving, errTimeout)
	defer cancel()
	err := s.ending(waiting, r)
	if errors.Is(err, errTimeout) && ctx.Err() == nil {
		return nil
	}
	return err
}

// ending waits until the pods of a release have ended.
func (s *Slots) ending(ctx context.Context, r Release) error {
	chosen := labels.Set(s.marks("blue")).String()
	for {
		pods, err := s.client.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: chosen})
		if err != nil {
			return ended(ctx, err)
		}
		left := 0
		for _, p := range pods.Items {
			for _, c := range r.Components {
				if matches(c.BluePods, p.Name) {
					left++
				}
			}
		}
		if left == 0 {
			return nil
		}
		w, err := s.client.CoreV1().Pods(s.namespace).Watch(ctx, metav1.ListOptions{
			LabelSelector: chosen, ResourceVersion: pods.ResourceVersion,
		})
		if err != nil {
			return ended(ctx, err)
		}
		if err := turn(ctx, w); err != nil {
			return err
		}
	}
}

// turn waits for a change, or for the watch to end: either way, it is time to look again. A server that ends every watch
// at once is not asked more than once a second.
func turn(ctx context.Context, w watch.Interface) error {
	defer w.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case _, open := <-w.ResultChan():
		if open {
			return nil
		}
	}
	return next(ctx, nil, time.Now().Add(time.Second))
}
