package node

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

const (
	forwardIdle    = 4 * time.Hour // the kubelet's
	forwardCreated = 30 * time.Second
)

// servePortForward connects kubectl port-forward's streams to the pod's made-up address.
func (n *Node) servePortForward(w http.ResponseWriter, r *http.Request) {
	namespace, name := r.PathValue("namespace"), r.PathValue("pod")
	p := n.podNamed(namespace, name)
	if p == nil {
		http.Error(w, "pod "+namespace+"/"+name+" is not on this node", http.StatusNotFound)
		return
	}
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, forwarder{p}, name, string(p.object.UID), options, forwardIdle, forwardCreated, portforward.SupportedProtocols)
}

// forwarder copies between a stream and a port of its pod.
type forwarder struct{ pod *pod }

func (f forwarder) PortForward(ctx context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	conn, err := f.pod.node.Network.DialContext(ctx, "tcp", net.JoinHostPort(f.pod.ip, strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // the pod's side may have closed it
	go func() {                         // ends with the stream, which the caller closes
		_, err := io.Copy(conn, stream)
		if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
			_ = half.CloseWrite()
		}
	}()
	_, err = io.Copy(stream, conn)
	return err
}
