package traffic

import "reflect"

// pair finds for each pool what it was before, among the pools that named green then; nil when it is new.
// Others may have added, moved or edited rules meanwhile, so place alone doesn't tell: first the same rule in the same
// place, then the same rule elsewhere, then whatever is in the same place. Rules without a slot come last, and only count
// as the same when nothing else about them has changed.
func pair(now, was []pool) []*pool {
	pairs := make([]*pool, len(now))
	taken := map[int]bool{}
	for i, w := range was {
		taken[i] = len(w.of(green)) == 0
	}
	match := func(slots bool, same func(p, w pool) bool) {
		for i, p := range now {
			if pairs[i] != nil || slots != p.named() {
				continue
			}
			for j, w := range was {
				if !taken[j] && same(p, w) {
					pairs[i], taken[j] = &was[j], true
					break
				}
			}
		}
	}
	match(true, func(p, w pool) bool { return samePlace(p, w) && sameRule(p, w) })
	match(true, sameRule)
	match(true, samePlace)
	match(false, func(p, w pool) bool { return samePlace(p, w) && sameRule(p, w) })
	return pairs
}

func samePlace(a, b pool) bool {
	return a.list.pointer() == b.list.pointer() && equal(a.group, b.group)
}

// sameRule compares what is around the backends: matches, filters, time-outs.
func sameRule(a, b pool) bool { return equal(a.around, b.around) && equal(a.group, b.group) }

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

func isNumber(v any) bool {
	_, ok := number(v)
	return ok
}
