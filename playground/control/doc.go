// Package control runs the playground's control plane: a real etcd, kube-apiserver, kube-controller-manager and
// kube-scheduler, each as a child process of this binary, with certificates of a CA made on the spot and RBAC on.
//
// The components can't share one process (each sets global logging, feature gates and a signal handler), so the binary
// starts itself again with the component's name as first argument; Run is what that first argument leads to.
//
// It is not the node and not the network: the API server reaches both through a CONNECT proxy (egress selector) that
// the caller serves. Start reading at Start in plane.go; what each component is told is in flags.go (pure).
package control
