package traffic

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestHandedBack(t *testing.T) {
	entry := func(manager, fields string) metav1.ManagedFieldsEntry {
		op := metav1.ManagedFieldsOperationUpdate
		if manager == "flux" {
			op = metav1.ManagedFieldsOperationApply
		}
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: op, APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields)}
	}
	const spec, rest, all = `{"f:spec":{"f:rules":{}}}`, `{"f:spec":{"f:hostnames":{}}}`, `{"f:spec":{"f:hostnames":{},"f:rules":{}}}`
	for name, tc := range map[string]struct{ was, now, want []metav1.ManagedFieldsEntry }{
		"to who had some":                      {[]metav1.ManagedFieldsEntry{entry("flux", all)}, []metav1.ManagedFieldsEntry{entry("flux", rest), entry(owner, spec)}, []metav1.ManagedFieldsEntry{entry("flux", all)}},
		"to who had nothing else":              {[]metav1.ManagedFieldsEntry{entry("edit", spec)}, []metav1.ManagedFieldsEntry{entry(owner, spec)}, []metav1.ManagedFieldsEntry{entry("edit", spec)}},
		"to both who had it":                   {[]metav1.ManagedFieldsEntry{entry("edit", spec), entry("flux", all)}, []metav1.ManagedFieldsEntry{entry("flux", rest), entry(owner, spec)}, []metav1.ManagedFieldsEntry{entry("flux", all), entry("edit", spec)}},
		"not what someone else took meanwhile": {[]metav1.ManagedFieldsEntry{entry("flux", all)}, []metav1.ManagedFieldsEntry{entry("edit", spec), entry(owner, rest)}, []metav1.ManagedFieldsEntry{entry("edit", spec), entry("flux", rest)}},
		"nothing is dro's":                     {[]metav1.ManagedFieldsEntry{entry("flux", all)}, []metav1.ManagedFieldsEntry{entry("flux", all)}, nil},
	} {
		got, err := handedBack(tc.now, tc.was)
		if err != nil || text(t, got) != text(t, tc.want) {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, text(t, got), text(t, tc.want))
		}
	}
	if _, err := handedBack([]metav1.ManagedFieldsEntry{entry(owner, `{"x"`)}, nil); err == nil {
		t.Error("broken fields were taken")
	}
}
