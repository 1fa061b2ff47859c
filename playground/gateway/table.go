package gateway

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// table is every accepted route, in the order in which a request tries them. It is never changed once built.
type table struct {
	exact     map[string][]entry
	wildcards []wildcard // the longest first
	any       []entry
}

// wildcard is the entries of *.example.com, kept as its suffix ".example.com".
type wildcard struct {
	suffix  string
	entries []entry
}

// entry is one match of one rule.
type entry struct {
	match match
	rule  *rule
	order order
}

// order is what decides between two entries whose matches are equally specific: the older route wins.
type order struct {
	created time.Time
	route   types.NamespacedName
	rule    int
	match   int
}

// match is the conditions of one entry, all of which must hold.
type match struct {
	path    string
	exact   bool   // the path itself; otherwise it and what is below it
	method  string // "": any
	headers []header
	query   []pair
}

type pair struct{ name, value string }

// header is a condition on one: its name in canonical form, and the value it has or the expression that its value meets.
type header struct {
	name, value string
	like        *regexp.Regexp
}

func (h header) holds(in http.Header) bool {
	values, there := in[h.name]
	joined := strings.Join(values, ",")
	if h.like != nil {
		return there && h.like.MatchString(joined)
	}
	return there && joined == h.value
}

// rule is what happens to a request that matched.
type rule struct {
	route    types.NamespacedName
	timeout  time.Duration // 0: none
	redirect *redirect
	filters  filters
	backends []backend
	total    uint64 // the backends' weights added up
}

// backend is one weighted destination. Without a status it forwards to one of its endpoints.
type backend struct {
	upTo      uint64 // the weights of this and the backends before it
	status    int    // answered at once: 500 when the reference does not resolve, 503 when nobody serves
	endpoints []string
	filters   filters
	series    *series
}

// find returns the rule for a request and the path its match named, or nil.
func (t *table) find(r *http.Request) (*rule, *match) {
	host := hostname(r.Host)
	if e := first(t.exact[host], r); e != nil {
		return e.rule, &e.match
	}
	for _, w := range t.wildcards {
		if strings.HasSuffix(host, w.suffix) && len(host) > len(w.suffix) {
			if e := first(w.entries, r); e != nil {
				return e.rule, &e.match
			}
		}
	}
	if e := first(t.any, r); e != nil {
		return e.rule, &e.match
	}
	return nil, nil
}

func first(entries []entry, r *http.Request) *entry {
	for i := range entries {
		if entries[i].match.holds(r) {
			return &entries[i]
		}
	}
	return nil
}

// hostname is a Host header's name without port, in lower case.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	return strings.ToLower(host)
}

func (m *match) holds(r *http.Request) bool {
	if m.method != "" && m.method != r.Method || !m.holdsPath(r.URL.Path) {
		return false
	}
	for _, h := range m.headers {
		if !h.holds(r.Header) {
			return false
		}
	}
	if len(m.query) == 0 {
		return true
	}
	query := r.URL.Query()
	for _, q := range m.query {
		if values := query[q.name]; len(values) == 0 || values[0] != q.value {
			return false
		}
	}
	return true
}

// holdsPath compares whole path elements: /pay is a prefix of /pay and /pay/now, not of /payment.
func (m *match) holdsPath(path string) bool {
	if m.exact {
		return path == m.path
	}
	prefix := strings.TrimSuffix(m.path, "/")
	return strings.HasPrefix(path, prefix) && (len(path) == len(prefix) || path[len(prefix)] == '/')
}

// compare orders entries as the specification does: exact path, longest prefix, method, most headers, most
// query parameters, then the oldest route, its name, and the order inside it.
func compare(a, b entry) int {
	return cmp.Or(
		whether(a.match.exact, b.match.exact),
		cmp.Compare(len(b.match.path), len(a.match.path)),
		whether(a.match.method != "", b.match.method != ""),
		cmp.Compare(len(b.match.headers), len(a.match.headers)),
		cmp.Compare(len(b.match.query), len(a.match.query)),
		a.order.created.Compare(b.order.created),
		cmp.Compare(a.order.route.Namespace, b.order.route.Namespace),
		cmp.Compare(a.order.route.Name, b.order.route.Name),
		cmp.Compare(a.order.rule, b.order.rule),
		cmp.Compare(a.order.match, b.order.match),
	)
}

// whether puts what is true first.
func whether(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// newTable sorts the entries of each hostname; "" is any host.
func newTable(hosts map[string][]entry) *table {
	t := &table{exact: map[string][]entry{}}
	for host, entries := range hosts {
		slices.SortFunc(entries, compare)
		switch {
		case host == "":
			t.any = entries
		case strings.HasPrefix(host, "*."):
			t.wildcards = append(t.wildcards, wildcard{suffix: host[1:], entries: entries})
		default:
			t.exact[host] = entries
		}
	}
	slices.SortFunc(t.wildcards, func(a, b wildcard) int { return cmp.Compare(len(b.suffix), len(a.suffix)) })
	return t
}

// pick chooses the backend for a random number below total. A backend without weight is never chosen.
func (r *rule) pick(random uint64) *backend {
	for i := range r.backends {
		if random < r.backends[i].upTo {
			return &r.backends[i]
		}
	}
	return nil
}
