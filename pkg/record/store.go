package record

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"dro.dev/kubectl-dro/pkg/near"
)

// Labels and names of the objects that dro keeps in a namespace.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelApp       = "dro.dev/app"
	LabelRollout   = "dro.dev/rollout"
	ManagedBy      = "kubectl-dro"
	SecretType     = corev1.SecretType("dro.dev/rollout")

	dataKey = "rollout"
	kept    = 10      // records of an app that stay
	maxSize = 900_000 // bytes; a Secret holds one megabyte

	namesMost = 8 // names that are listed for one that is not known
)

// Store keeps records as Secrets of one namespace.
type Store struct {
	Secrets corev1client.SecretInterface
}

// Create gives r the app's next number and writes it. It drops the app's oldest records beyond the last ten.
func (s Store) Create(ctx context.Context, r *Rollout) error {
	older, err := s.list(ctx, LabelApp+"="+r.App)
	if err != nil {
		return err
	}
	r.Schema, r.Number = Schema, 1
	if n := len(older); n > 0 {
		r.Number = older[n-1].Number + 1
	}
	secret, err := encode(r)
	if err != nil {
		return err
	}
	written, err := s.Secrets.Create(ctx, secret, metav1.CreateOptions{FieldManager: ManagedBy})
	if err != nil {
		return refused(r, fmt.Errorf("write record secret %s/%s: %w", r.Namespace, secret.Name, err))
	}
	r.keep(written)
	for _, old := range older[:max(0, len(older)+1-kept)] {
		if err := s.Secrets.Delete(ctx, old.Object(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete old record secret %s/%s: %w", old.Namespace, old.Object(), err)
		}
	}
	return nil
}

// Save writes r over the version it was read from. A command that was put on it meanwhile stays; another writer's
// change of the record itself is a conflict. A write of its own whose answer got lost is none.
func (s Store) Save(ctx context.Context, r *Rollout) error {
	secret, err := encode(r)
	if err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		secret.ResourceVersion, secret.Annotations = r.resourceVersion, r.annotations
		r.sent = append(r.sent, secret.Data[dataKey])
		written, err := s.Secrets.Update(ctx, secret, metav1.UpdateOptions{FieldManager: ManagedBy})
		if err == nil {
			r.keep(written)
			return nil
		}
		err = fmt.Errorf("write record secret %s/%s: %w", r.Namespace, secret.Name, err)
		if !apierrors.IsConflict(err) {
			return refused(r, err)
		}
		now, getErr := s.Secrets.Get(ctx, secret.Name, metav1.GetOptions{})
		if getErr != nil {
			return fmt.Errorf("see who else wrote record secret %s/%s: %w", r.Namespace, secret.Name, getErr)
		}
		own := func(text []byte) bool { return bytes.Equal(now.Data[dataKey], text) }
		if !own(r.written) && !slices.ContainsFunc(r.sent, own) {
			return err
		}
		if tries == 5 { // one after the other, on what nobody changes: it is the API server's trouble
			return apierrors.NewInternalError(fmt.Errorf("%v, and nobody else has written it", err))
		}
		r.keep(now)
	}
}

// refused adds to the error of a write what a person can do who may not write.
func refused(r *Rollout, err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	return fmt.Errorf("%w\n  the record of a rollout is a secret: you need the verbs create, update and patch on secrets in namespace %s"+
		" (the project's page docs/permissions.md has a Role)", err, r.Namespace)
}

// keep remembers the version of the record that the cluster has.
func (r *Rollout) keep(secret *corev1.Secret) {
	r.resourceVersion, r.annotations, r.written = secret.ResourceVersion, secret.Annotations, secret.Data[dataKey]
	r.sent = nil
}

// Get returns the record of an app's rollout with that number.
func (s Store) Get(ctx context.Context, app string, number int) (*Rollout, error) {
	secret, err := s.Secrets.Get(ctx, (&Rollout{App: app, Number: number}).Object(), metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the record of rollout %d of %s: %w", number, app, err)
	}
	return decode(secret)
}

// List returns the namespace's records, those of an app together and in the order of their launch. One that can't be read
// is among them as Unreadable, with what its Secret's labels and name say: the others are none the worse for it.
func (s Store) List(ctx context.Context) ([]*Rollout, error) {
	return s.list(ctx, LabelManagedBy+"="+ManagedBy)
}

func (s Store) list(ctx context.Context, selector string) ([]*Rollout, error) {
	secrets, err := s.Secrets.List(ctx, metav1.ListOptions{
		LabelSelector: selector,
		FieldSelector: "type=" + string(SecretType),
	})
	if err != nil {
		return nil, fmt.Errorf("list record secrets: %w", err)
	}
	var records []*Rollout
	for i := range secrets.Items {
		if secrets.Items[i].Type != SecretType { // a fake client does not filter
			continue
		}
		r, err := decode(&secrets.Items[i])
		if err != nil {
			r = unreadable(&secrets.Items[i], err)
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b *Rollout) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.App, b.App), cmp.Compare(a.Number, b.Number))
	})
	return records, nil
}

// Object is the name of the Secret that holds the record.
func (r *Rollout) Object() string { return "dro." + r.App + "." + strconv.Itoa(r.Number) }

func encode(r *Rollout) (*corev1.Secret, error) {
	data, err := compress(r)
	for part := *r; err == nil && len(data) > maxSize && len(part.Log) > 0; {
		part.Log = part.Log[(len(part.Log)+1)/2:] // what the rollout works from comes before what it said
		data, err = compress(&part)
	}
	if err != nil {
		return nil, err
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("the record of %s has %d bytes, over the %d that fit a secret\n  make the configs of the blueprint smaller", r.ID, len(data), maxSize)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:      r.Object(),
			Namespace: r.Namespace,
			Labels: map[string]string{
				LabelManagedBy: ManagedBy,
				LabelApp:       r.App,
				LabelRollout:   r.ID,
			},
		},
		Type: SecretType,
		Data: map[string][]byte{dataKey: data},
	}, nil
}

func compress(r *Rollout) ([]byte, error) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return nil, fmt.Errorf("encode the record of %s: %w", r.ID, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress the record of %s: %w", r.ID, err)
	}
	return buf.Bytes(), nil
}

// unreadable stands for a record that can't be read.
func unreadable(secret *corev1.Secret, why error) *Rollout {
	r := &Rollout{
		ID: secret.Labels[LabelRollout], App: secret.Labels[LabelApp], Namespace: secret.Namespace,
		State: Unreadable, Cause: why.Error(), Started: secret.CreationTimestamp.Time,
	}
	number, _ := strings.CutPrefix(secret.Name, "dro."+r.App+".")
	r.Number, _ = strconv.Atoi(number) // 0 puts a Secret of another name before all others
	return r
}

func decode(secret *corev1.Secret) (*Rollout, error) {
	bad := func(err error) error {
		return fmt.Errorf("read record secret %s/%s: %w\n  it is damaged or not a record; delete it if the rollout is over", secret.Namespace, secret.Name, err)
	}
	z, err := gzip.NewReader(bytes.NewReader(secret.Data[dataKey]))
	if err != nil {
		return nil, bad(err)
	}
	text, err := io.ReadAll(io.LimitReader(z, 64<<20))
	if err != nil {
		return nil, bad(err)
	}
	r := &Rollout{}
	r.keep(secret)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, bad(err)
	}
	if r.Schema > Schema {
		return nil, fmt.Errorf("record secret %s/%s has form %d; this kubectl-dro reads up to %d\n  update kubectl-dro", secret.Namespace, secret.Name, r.Schema, Schema)
	}
	return r, nil
}

// Find returns the newest record whose rollout or app has the given name.
func Find(records []*Rollout, name string) (*Rollout, error) {
	var known []string
	for _, r := range slices.Backward(records) {
		if r.ID == name || r.App == name {
			if r.State == Unreadable {
				return nil, errors.New(r.Cause)
			}
			return r, nil
		}
		known = append(known, r.ID, r.App)
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("no rollout %q: this namespace has none\n  another namespace: -n NAME", name)
	}
	slices.Sort(known)
	known = near.First(name, slices.Compact(known))
	more := ""
	if left := len(known) - namesMost; left > 0 {
		known, more = known[:namesMost], fmt.Sprintf(" and %d more (kubectl dro list)", left)
	}
	return nil, fmt.Errorf("no rollout or app %q in this namespace; the nearest are %s%s", name, strings.Join(known, ", "), more)
}
