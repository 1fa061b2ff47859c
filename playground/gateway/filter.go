package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// filters change a request on its way out and its response on the way back.
type filters struct {
	request, response []headerChange
	rewrite           *rewrite
}

// headerChange is one modifier: first set, then add, then remove.
type headerChange struct {
	set, add []pair
	remove   []string
}

func (c headerChange) apply(h http.Header) {
	for _, p := range c.set {
		h.Set(p.name, p.value)
	}
	for _, p := range c.add {
		h.Add(p.name, p.value)
	}
	for _, name := range c.remove {
		h.Del(name)
	}
}

// rewrite changes where a request says it goes to.
type rewrite struct {
	host string
	path pathChange
}

// pathChange replaces the whole path or the part that matched; the zero value keeps it.
type pathChange struct{ full, prefix *string }

func (c pathChange) apply(path, matched string) string {
	switch {
	case c.full != nil:
		return *c.full
	case c.prefix != nil:
		rest := strings.TrimPrefix(path, strings.TrimSuffix(matched, "/"))
		return "/" + strings.TrimPrefix(strings.TrimSuffix(*c.prefix, "/")+rest, "/")
	default:
		return path
	}
}

// redirect answers with another address.
type redirect struct {
	scheme, host string
	port         int
	path         pathChange
	status       int
}

// location is where the request is sent instead. Without a port of its own it keeps the one the client used,
// unless another scheme makes that meaningless.
func (d *redirect) location(r *http.Request, matched string) string {
	host, port := hostname(r.Host), ""
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		port = p
	}
	to := url.URL{Scheme: "http", Path: d.path.apply(r.URL.Path, matched), RawQuery: r.URL.RawQuery}
	if d.scheme != "" && d.scheme != to.Scheme {
		to.Scheme, port = d.scheme, ""
	}
	if d.host != "" {
		host = d.host
	}
	if d.port != 0 {
		port = strconv.Itoa(d.port)
	}
	if port == "80" && to.Scheme == "http" || port == "443" && to.Scheme == "https" {
		port = ""
	}
	to.Host = host
	if port != "" {
		to.Host += ":" + port
	}
	return to.String()
}

// refusal says why a route is not accepted.
type refusal struct {
	reason  gwv1.RouteConditionReason
	message string
}

func unsupported(format string, args ...any) *refusal {
	return &refusal{gwv1.RouteReasonUnsupportedValue, fmt.Sprintf(format, args...)}
}

// compileFilters translates a rule's or a backend's filters. prefix tells whether every match is a path prefix.
func compileFilters(specs []gwv1.HTTPRouteFilter, prefix bool) (filters, *redirect, *refusal) {
	var f filters
	var to *redirect
	for _, s := range specs {
		switch {
		case s.Type == gwv1.HTTPRouteFilterRequestHeaderModifier && s.RequestHeaderModifier != nil:
			f.request = append(f.request, headers(s.RequestHeaderModifier))
		case s.Type == gwv1.HTTPRouteFilterResponseHeaderModifier && s.ResponseHeaderModifier != nil:
			f.response = append(f.response, headers(s.ResponseHeaderModifier))
		case s.Type == gwv1.HTTPRouteFilterURLRewrite && s.URLRewrite != nil:
			path, no := pathModifier(s.URLRewrite.Path, prefix)
			if no != nil {
				return f, nil, no
			}
			f.rewrite = &rewrite{host: text(s.URLRewrite.Hostname), path: path}
		case s.Type == gwv1.HTTPRouteFilterRequestRedirect && s.RequestRedirect != nil:
			path, no := pathModifier(s.RequestRedirect.Path, prefix)
			if no != nil {
				return f, nil, no
			}
			to = newRedirect(s.RequestRedirect, path)
		default:
			return f, nil, unsupported("filter %s is not supported by this gateway", s.Type)
		}
	}
	if f.rewrite != nil && to != nil {
		return f, nil, &refusal{gwv1.RouteReasonIncompatibleFilters, "URLRewrite and RequestRedirect exclude each other"}
	}
	return f, to, nil
}

func newRedirect(spec *gwv1.HTTPRequestRedirectFilter, path pathChange) *redirect {
	d := &redirect{scheme: text(spec.Scheme), host: text(spec.Hostname), path: path, status: http.StatusFound}
	if spec.Port != nil {
		d.port = int(*spec.Port)
	}
	if spec.StatusCode != nil {
		d.status = *spec.StatusCode
	}
	return d
}

func pathModifier(m *gwv1.HTTPPathModifier, prefix bool) (pathChange, *refusal) {
	switch {
	case m == nil:
		return pathChange{}, nil
	case m.Type == gwv1.FullPathHTTPPathModifier && m.ReplaceFullPath != nil:
		return pathChange{full: m.ReplaceFullPath}, nil
	case m.Type == gwv1.PrefixMatchHTTPPathModifier && m.ReplacePrefixMatch != nil && prefix:
		return pathChange{prefix: m.ReplacePrefixMatch}, nil
	default:
		return pathChange{}, unsupported("path modifier %s does not fit the rule's matches", m.Type)
	}
}

func headers(f *gwv1.HTTPHeaderFilter) headerChange {
	return headerChange{set: pairs(f.Set), add: pairs(f.Add), remove: slices.Clone(f.Remove)}
}

func pairs(in []gwv1.HTTPHeader) []pair {
	var out []pair
	for _, h := range in {
		out = append(out, pair{string(h.Name), h.Value})
	}
	return out
}

func text[S ~string](s *S) string {
	if s == nil {
		return ""
	}
	return string(*s)
}
