package traffic

import (
	"maps"
	"reflect"
)

// pair finds for each list what it was before, among the lists that named green then; nil when it is new.
// Others may have added, moved or edited rules meanwhile, so place alone doesn't tell: first the same rule in the same
// place, then the same rule elsewhere, then whatever is in the same place. Rules without a slot come last, and only count
// as the same when nothing else about them has changed.
func (r Route) pair(now, was []list) []*list {
	pairs := make([]*list, len(now))
	taken := map[int]bool{}
	for i, w := range was {
		greens, _ := r.slots(w)
		taken[i] = len(greens) == 0
	}
	match := func(slots bool, same func(l, w list) bool) {
		for i, l := range now {
			greens, blues := r.slots(l)
			if pairs[i] != nil || slots != (len(greens)+len(blues) > 0) {
				continue
			}
			for j, w := range was {
				if !taken[j] && same(l, w) {
					pairs[i], taken[j] = &was[j], true
					break
				}
			}
		}
	}
	match(true, func(l, w list) bool { return samePlace(l, w) && sameRule(l, w) })
	match(true, sameRule)
	match(true, samePlace)
	match(false, func(l, w list) bool { return samePlace(l, w) && sameRule(l, w) })
	return pairs
}

func samePlace(a, b list) bool { return a.pointer() == b.pointer() }

// sameRule compares what is around the backends: matches, filters, time-outs.
func sameRule(a, b list) bool { return equal(around(a), around(b)) }

func around(l list) map[string]any {
	m := maps.Clone(l.owner)
	delete(m, l.key())
	return m
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

func isNumber(v any) bool {
	_, ok := number(v)
	return ok
}
