package traffic

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// handedBack is who owns which field once dro's fields belong again to who had them before. It is empty when dro owns
// nothing. What nobody owned before, nobody owns after.
func handedBack(now, was []metav1.ManagedFieldsEntry) ([]metav1.ManagedFieldsEntry, error) {
	mine := fieldpath.NewSet()
	var owners []metav1.ManagedFieldsEntry
	for _, e := range now {
		if !ours(e) {
			owners = append(owners, e)
			continue
		}
		fields, err := fieldsOf(e)
		if err != nil {
			return nil, err
		}
		mine = mine.Union(fields)
	}
	if len(owners) == len(now) {
		return nil, nil
	}
	for _, e := range was {
		fields, err := fieldsOf(e)
		if err != nil {
			return nil, err
		}
		if fields = fields.Intersection(mine); fields.Empty() {
			continue
		}
		if owners, err = give(owners, e, fields); err != nil {
			return nil, err
		}
	}
	return owners, nil
}

// give adds fields to an owner's entry, or makes the entry anew.
func give(owners []metav1.ManagedFieldsEntry, owner metav1.ManagedFieldsEntry, fields *fieldpath.Set) ([]metav1.ManagedFieldsEntry, error) {
	for i, e := range owners {
		if e.Manager != owner.Manager || e.Operation != owner.Operation ||
			e.Subresource != owner.Subresource || e.APIVersion != owner.APIVersion {
			continue
		}
		has, err := fieldsOf(e)
		if err != nil {
			return nil, err
		}
		owners[i].FieldsV1, err = encoded(has.Union(fields))
		return owners, err
	}
	var err error
	owner.FieldsV1, err = encoded(fields)
	return append(owners, owner), err
}

func ours(e metav1.ManagedFieldsEntry) bool {
	return e.Manager == owner && e.Operation == metav1.ManagedFieldsOperationUpdate && e.Subresource == ""
}

func fieldsOf(e metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	fields := fieldpath.NewSet()
	if e.FieldsV1 == nil {
		return fields, nil
	}
	if err := fields.FromJSON(e.FieldsV1.GetRawReader()); err != nil {
		return nil, fmt.Errorf("read the fields of manager %s: %w", e.Manager, err)
	}
	return fields, nil
}

func encoded(fields *fieldpath.Set) (*metav1.FieldsV1, error) {
	data, err := fields.ToJSON()
	if err != nil {
		return nil, fmt.Errorf("write a manager's fields: %w", err)
	}
	return metav1.NewFieldsV1(string(data)), nil
}
