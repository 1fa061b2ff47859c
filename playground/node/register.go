package node

import (
	"context"
	"fmt"
	"runtime"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/version"
)

const heartbeat = 10 * time.Second // the kubelet's

// register makes the Node object, or brings an earlier run's up to date.
func (n *Node) register(ctx context.Context) error {
	nodes := n.Client.CoreV1().Nodes()
	object := nodeObject(n.Name, n.Address, metav1.NewTime(n.now()))
	_, err := nodes.Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		var old *corev1.Node
		if old, err = nodes.Get(ctx, n.Name, metav1.GetOptions{}); err == nil {
			old.Status = object.Status
			_, err = nodes.UpdateStatus(ctx, old, metav1.UpdateOptions{})
		}
	}
	if err != nil {
		return fmt.Errorf("register node %s: %w", n.Name, err)
	}
	return nil
}

// nodeObject is a node that has room for whatever is tried here.
func nodeObject(name, address string, now metav1.Time) *corev1.Node {
	room := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             resource.MustParse("1000"),
	}
	conditions := []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "the playground's node is always ready"}}
	for _, kind := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		conditions = append(conditions, corev1.NodeCondition{Type: kind, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficient"})
	}
	for i := range conditions {
		conditions[i].LastHeartbeatTime, conditions[i].LastTransitionTime = now, now
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname:   name,
			corev1.LabelOSStable:   "linux", // whatever this machine has: images are made for it
			corev1.LabelArchStable: runtime.GOARCH,
		}},
		Status: corev1.NodeStatus{
			Capacity:        room,
			Allocatable:     room,
			Conditions:      conditions,
			Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}, {Type: corev1.NodeHostName, Address: name}},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: Port}},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: version.Get().GitVersion, OperatingSystem: "linux", Architecture: runtime.GOARCH,
				OSImage: "playground", ContainerRuntimeVersion: "playground://1",
			},
		},
	}
}

// beat renews the node's Lease, as a sign of life for those who look.
func (n *Node) beat(ctx context.Context) {
	leases := n.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	for {
		retry(ctx, n.Log, "renew lease of node "+n.Name, func(ctx context.Context) error {
			now := metav1.NewMicroTime(n.now())
			lease, err := leases.Get(ctx, n.Name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				_, err = leases.Create(ctx, &coordinationv1.Lease{
					ObjectMeta: metav1.ObjectMeta{Name: n.Name},
					Spec:       coordinationv1.LeaseSpec{HolderIdentity: &n.Name, LeaseDurationSeconds: new(int32(40)), RenewTime: &now},
				}, metav1.CreateOptions{})
				return err
			}
			if err != nil {
				return err
			}
			lease.Spec.RenewTime = &now
			_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
			return err
		})
		if !sleep(ctx, heartbeat) {
			return
		}
	}
}
