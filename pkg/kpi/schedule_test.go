package kpi

import (
	"math/rand/v2"
	"testing"
	"time"
)

// scraper plays a Prometheus that scrapes at given offsets, and whose samples can be seen some time later.
type scraper struct {
	interval time.Duration
	offsets  map[string]time.Duration
	lag      func() time.Duration
	stops    time.Duration // no scrapes after; 0: never
	seen     map[string]time.Duration
}

var dawn = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// stamps are the scrapes that can be seen at a time.
func (p *scraper) stamps(now time.Duration) map[string]time.Time {
	out := map[string]time.Time{}
	for name, offset := range p.offsets {
		at := (now-p.lag()-offset)/p.interval*p.interval + offset
		if p.stops > 0 {
			at = min(at, (p.stops-offset)/p.interval*p.interval+offset)
		}
		at = max(at, p.seen[name])
		p.seen[name] = at
		out[name] = dawn.Add(at)
	}
	return out
}

// Once it has found its feet, a round comes just after each scrape, and hardly any comes in vain.
func TestRoundsComeJustAfterScrapes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, tc := range map[string]struct {
		interval, offset, lag, jitter time.Duration
	}{
		"a scrape a second":    {time.Second, 300 * time.Millisecond, 15 * time.Millisecond, 5 * time.Millisecond},
		"seen late at first":   {time.Second, 600 * time.Millisecond, 15 * time.Millisecond, 5 * time.Millisecond},
		"slow targets":         {time.Second, 900 * time.Millisecond, 350 * time.Millisecond, 20 * time.Millisecond},
		"every 15 seconds":     {15 * time.Second, 7 * time.Second, 40 * time.Millisecond, 10 * time.Millisecond},
		"every minute, uneven": {time.Minute, time.Second, 200 * time.Millisecond, 30 * time.Millisecond},
	} {
		p := &scraper{interval: tc.interval, offsets: map[string]time.Duration{"a": tc.offset}, seen: map[string]time.Duration{},
			lag: func() time.Duration { return tc.lag + time.Duration(r.Int64N(int64(tc.jitter))) }}
		var s schedule
		now := 1234567 * time.Millisecond
		rounds, vain, late := 0, 0, time.Duration(0)
		began, early := now, 0
		for range 200 {
			fresh, older := s.observe(dawn.Add(now), p.stamps(now))
			if older {
				t.Fatalf("%s: older", name)
			}
			if rounds++; rounds <= 15 && fresh {
				early++
			} else if rounds == 16 {
				scrapes := int((now - began) / tc.interval)
				if scrapes-early > 3 {

					t.Errorf("%s: only %d of the first %d scrapes were looked at", name, early, scrapes)
				}
			}
			if rounds > 100 {
				if fresh {
					late += now - p.seen["a"] - tc.lag
				} else {
					vain++
				}
			}
			now += s.wait()
		}
		if mean := late / time.Duration(100-vain); mean > 80*time.Millisecond+tc.jitter {
			t.Errorf("%s: rounds are %s late", name, mean)
		}
		if vain > 20 {
			t.Errorf("%s: %d of 100 rounds were in vain", name, vain)
		}
	}
}

// Rounds two seconds apart see a scrape every two seconds, however many there are.
func TestScrapesBetweenRoundsAreFound(t *testing.T) {
	p := &scraper{interval: time.Second, offsets: map[string]time.Duration{"a": 300 * time.Millisecond}, seen: map[string]time.Duration{},
		lag: func() time.Duration { return 10 * time.Millisecond }}
	var s schedule
	now := 100*time.Second + 350*time.Millisecond
	for range 3 {
		s.observe(dawn.Add(now), p.stamps(now))
		now += 2 * time.Second
	}
	now += s.wait() - 2*time.Second
	for range 5 {
		s.observe(dawn.Add(now), p.stamps(now))
		if wait := s.wait(); wait > 1100*time.Millisecond {
			t.Errorf("the next round comes after %s, and there is a scrape a second", wait)
		}
		now += s.wait()
	}
}

func TestRoundsKeepTheirDistance(t *testing.T) {
	p := &scraper{interval: 5 * time.Second, lag: func() time.Duration { return 20 * time.Millisecond }, seen: map[string]time.Duration{},
		offsets: map[string]time.Duration{"a": 0, "b": 200 * time.Millisecond, "c": 2 * time.Second}}
	for _, wanted := range []time.Duration{0, 10 * time.Second} {
		s := schedule{wanted: wanted}
		now, rounds := 100*time.Second, 0
		for ; now < 700*time.Second; rounds++ {
			s.observe(dawn.Add(now), p.stamps(now))
			now += s.wait()
		}
		if most := int(600*time.Second/max(wanted, time.Second)) + 20; rounds > most || rounds < most/3 {
			t.Errorf("wanted every %s: %d rounds in ten minutes", wanted, rounds)
		}
	}
}

func TestScrapesThatStopAreOld(t *testing.T) {
	p := &scraper{interval: 15 * time.Second, lag: func() time.Duration { return 0 }, seen: map[string]time.Duration{},
		offsets: map[string]time.Duration{"a": 0}, stops: 200 * time.Second}
	var s schedule
	found, rounds := time.Duration(0), 0
	for now := 100 * time.Second; now < 300*time.Second; now += s.wait() {
		s.observe(dawn.Add(now), p.stamps(now))
		age, old := s.old([]string{"a"})
		if old && found == 0 {
			if found = now; age < 45*time.Second {
				t.Errorf("old after %s", age)
			}
		}
		if rounds++; s.wait() <= 0 || s.wait() > 17*time.Second {
			t.Fatalf("waits %s", s.wait())
		}
	}
	if rounds > 100 {
		t.Errorf("%d rounds in 200 seconds", rounds)
	}
	if found < 240*time.Second || found > 260*time.Second {
		t.Errorf("old at %s, want soon after three scrapes that did not come", found)
	}
}

func TestWithoutScrapesTheUsualInterval(t *testing.T) {
	if got := (&schedule{}).wait(); got != usualInterval {
		t.Error(got)
	}
	if got := (&schedule{wanted: 5 * time.Second}).wait(); got != 5*time.Second {
		t.Error(got)
	}
	if got := (&schedule{wanted: time.Millisecond}).wait(); got != time.Second {
		t.Error(got)
	}
}

// A second replica may know less than the first, and a clock may be set.
func TestAnOlderAnswerIsTold(t *testing.T) {
	var s schedule
	at := func(seconds int) map[string]time.Time {
		return map[string]time.Time{"a": dawn.Add(time.Duration(seconds) * time.Second)}
	}
	for i, tc := range []struct {
		stamp        int
		fresh, older bool
	}{{10, true, false}, {20, true, false}, {10, false, true}, {20, false, false}, {30, true, false}} {
		fresh, older := s.observe(dawn.Add(time.Duration(i)*time.Second), at(tc.stamp))
		if fresh != tc.fresh || older != tc.older {
			t.Errorf("%d: fresh %v, older %v", i, fresh, older)
		}
	}
}
