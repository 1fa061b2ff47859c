package control

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The names of the components, which are also the hidden first arguments of the binary.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
)

// paths are the files of a control plane whose state is in one folder.
type paths string

func (p paths) in(parts ...string) string {
	return filepath.Join(append([]string{string(p)}, parts...)...)
}

func (p paths) kubeconfig() string      { return p.in("kubeconfig") }
func (p paths) internal() string        { return p.in("pki", "components.kubeconfig") }
func (p paths) caCert() string          { return p.in("pki", "ca.crt") }
func (p paths) caKey() string           { return p.in("pki", "ca.key") }
func (p paths) tokenKey() string        { return p.in("pki", "tokens.key") }
func (p paths) tokenPublic() string     { return p.in("pki", "tokens.pub") }
func (p paths) cert(name string) string { return p.in("pki", name+".crt") }
func (p paths) key(name string) string  { return p.in("pki", name+".key") }
func (p paths) egress() string          { return p.in("egress.yaml") }
func (p paths) etcdSocket() string      { return p.in("etcd.sock") }
func (p paths) etcdData() string        { return p.in("etcd") }

const (
	serverCert = "apiserver"
	nodeClient = "apiserver-to-node"
	nodeServer = "node"
)

// controllers are those that give a cluster the behaviour people know. What is left out deals with disks, clouds,
// certificates and lost nodes, and would only cost time here.
var controllers = [...]string{
	"clusterrole-aggregation-controller",
	"cronjob-controller",
	"daemonset-controller",
	"deployment-controller",
	"disruption-controller",
	"endpoints-controller",
	"endpointslice-controller",
	"endpointslice-mirroring-controller",
	"garbage-collector-controller",
	"horizontal-pod-autoscaler-controller",
	"job-controller",
	"namespace-controller",
	"pod-garbage-collector-controller",
	"replicaset-controller",
	"replicationcontroller-controller",
	"resourcequota-controller",
	"root-ca-certificate-publisher-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"statefulset-controller",
	"ttl-after-finished-controller",
}

func apiServerFlags(p paths, o Options) []string {
	return []string{
		"--etcd-servers=unix://" + p.etcdSocket(),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", o.Port),
		"--advertise-address=" + o.Address, // a loopback address can't stand in the endpoints of the Service kubernetes
		"--service-cluster-ip-range=" + o.Services,
		"--tls-cert-file=" + p.cert(serverCert),
		"--tls-private-key-file=" + p.key(serverCert),
		"--client-ca-file=" + p.caCert(),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.tokenPublic(),
		"--service-account-signing-key-file=" + p.tokenKey(),
		"--egress-selector-config-file=" + p.egress(),
		"--kubelet-certificate-authority=" + p.caCert(),
		"--kubelet-client-certificate=" + p.cert(nodeClient),
		"--kubelet-client-key=" + p.key(nodeClient),
		"--kubelet-preferred-address-types=InternalIP",
		"--allow-privileged",
		"--profiling=false",
		"--enable-priority-and-fairness=false",
		// The controllers that take these plugins' taint and finalizers away again are left out.
		"--disable-admission-plugins=TaintNodesByCondition,StorageObjectInUseProtection",
	}
}

func controllerManagerFlags(p paths) []string {
	return []string{
		"--kubeconfig=" + p.internal(),
		"--controllers=" + strings.Join(controllers[:], ","),
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--service-account-private-key-file=" + p.tokenKey(),
		"--root-ca-file=" + p.caCert(),
		"--kube-api-qps=200",
		"--kube-api-burst=400",
	}
}

func schedulerFlags(p paths) []string {
	return []string{
		"--kubeconfig=" + p.internal(),
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--kube-api-qps=200",
		"--kube-api-burst=400",
	}
}

// egressConfig sends what the API server says to nodes, pods and Services through a CONNECT proxy on a socket.
func egressConfig(socket string) []byte {
	return fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %q
`, socket)
}
