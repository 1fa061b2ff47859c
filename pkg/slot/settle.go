package slot

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// firstConfigs makes the configs of a green that is installed for the first time. One that someone else made is not
// overwritten: it could not be given back.
func (s *Slots) firstConfigs(ctx context.Context, r Release) error {
	h, err := s.helm(ctx)
	if err != nil {
		return err
	}
	w, err := look(ctx, s.client, s.namespace, s.bp.ID)
	if err != nil {
		return err
	}
	configs, err := s.configs(ctx)
	if err != nil {
		return err
	}
	made, err := s.render(h, w, r, configs)
	if err != nil {
		return err
	}
	for _, c := range made.configs {
		now, labels, err := s.current(ctx, c)
		if err != nil {
			return fmt.Errorf("config %s: %w", c.name, err)
		}
		if now != nil && labels[labelRollout] != s.bp.ID && !maps.EqualFunc(now, c.bytes(), slices.Equal) {
			return fmt.Errorf("config %s: a %s of that name is there already, with other content\n"+
				"  take it as it is with from:, or delete it", c.name, c.kind)
		}
		if now == nil {
			if err := s.settleConfig(ctx, c); err != nil {
				return fmt.Errorf("config %s: %w", c.name, err)
			}
		}
	}
	return nil
}

// current is the content and the labels of the object with a config's plain name, nil when there is none.
func (s *Slots) current(ctx context.Context, c config) (map[string][]byte, map[string]string, error) {
	if c.kind == "Secret" {
		o, err := s.client.CoreV1().Secrets(s.namespace).Get(ctx, c.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		return fromSecret(c.name, o).bytes(), o.Labels, nil
	}
	o, err := s.client.CoreV1().ConfigMaps(s.namespace).Get(ctx, c.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return fromConfigMap(c.name, o).bytes(), o.Labels, nil
}

// settleConfigs gives green's ConfigMaps and Secrets the content that blue was proven with.
func (s *Slots) settleConfigs(ctx context.Context, r Release) error {
	configs, err := s.configs(ctx)
	if err != nil {
		return err
	}
	for _, c := range configs {
		if c, err = s.asProven(ctx, c); err != nil {
			return err
		}
		if c.kind == "" {
			c.kind = "ConfigMap"
		}
		if err := retry.RetryOnConflict(retry.DefaultRetry, func() error { return s.settleConfig(ctx, c) }); err != nil {
			return fmt.Errorf("config %s: %w", c.name, err)
		}
	}
	return nil
}

// asProven is the config as blue has it, or as given when blue has none.
func (s *Slots) asProven(ctx context.Context, c config) (config, error) {
	marks := s.marks("blue")
	marks[labelConfig] = c.name
	chosen := metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(metav1.SetAsLabelSelector(marks))}
	maps, err := s.client.CoreV1().ConfigMaps(s.namespace).List(ctx, chosen)
	if err != nil {
		return c, fmt.Errorf("config %s: find blue's: %w", c.name, err)
	}
	for _, o := range maps.Items {
		return fromConfigMap(c.name, &o), nil
	}
	secrets, err := s.client.CoreV1().Secrets(s.namespace).List(ctx, chosen)
	if err != nil {
		return c, fmt.Errorf("config %s: find blue's: %w", c.name, err)
	}
	for _, o := range secrets.Items {
		return fromSecret(c.name, &o), nil
	}
	return c, nil
}

// settleConfig writes one config under its plain name, and leaves everything but its content as it is.
func (s *Slots) settleConfig(ctx context.Context, c config) error {
	fresh := metav1.ObjectMeta{Name: c.name, Namespace: s.namespace, Labels: s.marks("green")}
	fresh.Labels["app.kubernetes.io/managed-by"] = manager
	if c.kind == "Secret" {
		secrets := s.client.CoreV1().Secrets(s.namespace)
		o, err := secrets.Get(ctx, c.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = secrets.Create(ctx, &corev1.Secret{ObjectMeta: fresh, Data: c.bytes()}, metav1.CreateOptions{FieldManager: manager})
			return err
		}
		if err != nil {
			return err
		}
		o.Data = c.bytes()
		_, err = secrets.Update(ctx, o, metav1.UpdateOptions{FieldManager: manager})
		return err
	}
	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	o, err := maps.Get(ctx, c.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: fresh, Data: c.text, BinaryData: c.binary},
			metav1.CreateOptions{FieldManager: manager})
		return err
	}
	if err != nil {
		return err
	}
	o.Data, o.BinaryData = c.text, c.binary
	_, err = maps.Update(ctx, o, metav1.UpdateOptions{FieldManager: manager})
	return err
}
