package kpi

import (
	"maps"
	"slices"
	"time"
)

const (
	// often is the least time between rounds that are due; one that comes too early for its scrape is repeated sooner.
	often = time.Second
	// usualInterval is the time between rounds where no scrapes can be seen.
	usualInterval = 2 * time.Second
	// exact is how exactly the moment is known at which a scrape's samples can be seen.
	exact = 20 * time.Millisecond
	// missed is how many scrapes may fail to come before what was scraped last counts as old, patient the least time.
	missed  = 3
	patient = 10 * time.Second
	// retries is how often a round that came too early for its scrape is repeated.
	retries = 4
)

// schedule knows when a source's samples were taken and says when to look for the next ones. All its times are the
// source's own, so that it doesn't matter what the clock here shows.
type schedule struct {
	wanted  time.Duration // between rounds; 0: as often as there are scrapes
	targets map[string]*scrape
	now     time.Time // at the last round
	lead    string    // the target with the newest scrape of the last round that saw one

	// A scrape's samples can be seen some time after its time stamp: not after early, but after seen.
	early, seen time.Duration
	tries       int // rounds in a row that came too early for a scrape that was due
}

// scrape is how one target is scraped.
type scrape struct {
	last     time.Time
	interval time.Duration // the shortest time between two scrapes of late; 0: not known yet
	longer   int           // how many times in a row it took half as long again
	sure     bool          // no scrape in between can have gone unseen
	over     time.Duration // how long after the time of a scrape that was due a round did not see it yet
}

// take notes a scrape. The round before was at looked: one that was not around half-time can't tell whether there was a
// scrape then.
func (t *scrape) take(at, looked time.Time) {
	gap := at.Sub(t.last)
	sure := gap < 2*often || looked.Sub(t.last) >= gap/2
	if t.last = at; gap <= t.interval+t.interval/2 {
		t.longer = 0
		t.sure = t.sure || sure
	} else {
		t.longer++
	}
	if t.interval == 0 || gap < t.interval || t.longer >= missed {
		t.interval, t.longer, t.sure = gap, 0, sure
	}
}

// expected is how long after the last scrape to look for the next.
func (t *scrape) expected(least time.Duration) time.Duration {
	if half := t.interval / 2; !t.sure && half >= least {
		return half
	}
	return t.interval
}

// observe takes in the time at the source, and when it last scraped each target. It says whether there was any scrape
// since the last round, and whether the source answered from an older state than then, as a second replica may.
func (s *schedule) observe(now time.Time, stamps map[string]time.Time) (fresh, older bool) {
	if s.targets == nil {
		s.targets = map[string]*scrape{}
	}
	for name, at := range stamps {
		if t := s.targets[name]; t != nil && at.Before(t.last) {
			return false, true
		}
	}
	tried, newest := false, time.Time{}
	for _, name := range slices.Sorted(maps.Keys(stamps)) {
		at := stamps[name]
		t := s.targets[name]
		if (t == nil || at.After(t.last)) && at.After(newest) {
			s.lead, newest, fresh = name, at, true
		}
		if t == nil {
			s.targets[name] = &scrape{last: at}
			continue
		}
		if at.After(t.last) {
			s.learn(t, now, at)
			t.take(at, s.now)
		}
		if over := now.Sub(t.last) - t.interval; t.interval > 0 && over > 0 && over < t.interval/2 {
			t.over, tried = over, true
		}
	}
	if s.tries++; !tried {
		s.tries = 0
	}
	s.now = now
	return fresh, false
}

// learn narrows down when samples can be seen, from a scrape that is now, and perhaps was not a moment ago.
func (s *schedule) learn(t *scrape, now, at time.Time) {
	s.early = max(0, s.early-exact/16) // what was slow once need not be for ever
	if gap := at.Sub(t.last); t.over > 0 && gap < t.interval+t.interval/2 {
		s.early = max(s.early, t.over)
	}
	t.over = 0
	if age := now.Sub(at); s.seen == 0 || age < s.seen {
		s.seen = age
	}
	s.seen = max(s.seen, s.early+exact)
}

// reset forgets everything: the source's clock went back.
func (s *schedule) reset() { *s = schedule{wanted: s.wanted} }

// lag is when after a scrape to look for it: half-way between too early and seen, until that is known closely enough.
func (s *schedule) lag() time.Duration {
	if s.seen-s.early <= exact {
		return s.seen
	}
	return (s.early + s.seen) / 2
}

// wait is the time from the last round to the next one.
func (s *schedule) wait() time.Duration {
	least := often
	if s.wanted > 0 {
		least = max(least, s.wanted)
	}
	next := time.Duration(0)
	for name, t := range s.targets {
		if t.interval <= 0 || s.now.Sub(t.last) > missed*t.interval {
			continue
		}
		interval := t.expected(least)
		due := t.last.Add(interval + s.lag()).Sub(s.now)
		from := least - t.interval/10 // a scrape a little early is still the one that is meant
		if name == s.lead {           // and so is the next one of the target that was looked at late
			from = least - t.interval/2
		}
		if t.over > 0 && s.tries > 0 && s.tries <= retries { // soon again, for a while
			due, from = max(s.seen-t.over, t.over/2, exact), 0
		}
		if due < from {
			due += (from - due + interval - 1) / interval * interval
		}
		if next == 0 || due < next {
			next = due
		}
	}
	switch {
	case next > 0:
		return next
	case len(s.targets) > 0: // until the second scrape tells the interval
		return least
	case s.wanted > 0:
		return least
	}
	return usualInterval
}

// old says whether the newest of some scrapes is so long ago that more must have failed.
func (s *schedule) old(names []string) (age time.Duration, old bool) {
	var newest *scrape
	for _, name := range names {
		if t := s.targets[name]; t != nil && (newest == nil || t.last.After(newest.last)) {
			newest = t
		}
	}
	if newest == nil || newest.interval == 0 {
		return 0, false
	}
	age = s.now.Sub(newest.last)
	return age, age > max(missed*newest.interval, patient)
}
