// Package gateway is the playground's data plane: a reverse proxy that does what Gateway API's HTTPRoutes say.
//
// It splits traffic by weight, reports what it took over in the objects' status, and counts requests per backend.
// It is HTTP only and one address serves every listener; what it does not support it refuses in the route's
// status instead of ignoring it.
//
// Start reading at compile in compile.go: a pure function from the cluster's objects to the routing table and
// the statuses. ServeHTTP in proxy.go uses the table, Run in watch.go renews both.
package gateway
