package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// serve answers every request at a made-up address with who it is.
func serve(t *testing.T, n *Network, ip string, port int, who string) net.Listener {
	t.Helper()
	l, err := n.Listen(ip, port)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", who, r.Host)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l
}

func TestDial(t *testing.T) {
	n := New()
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	if _, err := n.DialContext(t.Context(), "tcp", outside.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a loopback address that is not on the network: %v", err)
	}
	l := serve(t, n, "10.244.1.1", 8080, "pod")
	if _, err := n.Listen("10.244.1.1", 8080); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listen twice: %v", err)
	}
	conn, err := n.DialContext(t.Context(), "tcp", "10.244.1.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.DialContext(t.Context(), "tcp", "10.244.1.1:8080"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after close: %v", err)
	}
	again := serve(t, n, "10.244.1.1", 8080, "successor")
	if err := l.Close(); err == nil {
		t.Error("a second close of the old listener says nothing")
	}
	if conn, err = n.DialContext(t.Context(), "tcp", "10.244.1.1:8080"); err != nil {
		t.Errorf("the old listener's second close took the new one off: %v", err)
	} else {
		conn.Close()
		again.Close()
	}
}

func TestProxy(t *testing.T) {
	n := New()
	serve(t, n, "10.244.1.1", 8080, "blue")
	number, name := int32(8080), "http"
	client := fake.NewClientset(
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "food", Name: "api"}, Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.10", ClusterIPs: []string{"10.96.0.10"}, Ports: []corev1.ServicePort{{Name: name, Port: 80}}}},
		&discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "food", Name: "api-1", Labels: map[string]string{discoveryv1.LabelServiceName: "api"}},
			Ports:      []discoveryv1.EndpointPort{{Name: &name, Port: &number}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.244.1.1"}}},
		})
	if err := n.Follow(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	asker := Asker{Namespace: "food", HostAliases: []corev1.HostAlias{{IP: "10.96.0.10", Hostnames: []string{"blue.food"}}}}
	proxy := httptest.NewServer(Proxy(n.From(asker)))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	through := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(at)}, Timeout: 5 * time.Second}
	for target, want := range map[string]string{
		"http://blue.food/":       "200 blue blue.food",
		"http://api/":             "200 blue api",
		"http://10.96.0.10:80/":   "200 blue 10.96.0.10:80",
		"http://10.244.1.1:8080/": "200 blue 10.244.1.1:8080",
		"http://example.com/":     "502 dial example.com:80: lookup example.com: no such host",
		"http://api:81/":          "502 dial api:81: service food/api has no port 81: connection refused",
	} {
		answer, err := through.Get(target)
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if got := fmt.Sprint(answer.StatusCode, " ", strings.TrimSpace(string(body))); got != want || err != nil {
			t.Errorf("%s: got %q (%v), want %q", target, got, err, want)
		}
	}
}

// The API server speaks CONNECT on a unix socket, and passes its clients' bytes on from then on.
func TestTunnel(t *testing.T) {
	n := New()
	echo, err := n.Listen("10.244.0.1", 10250)
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		conn, err := echo.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(conn, conn)
		_ = conn.Close()
	}()
	socket, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- ServeProxy(ctx, socket, n.DialContext) }()

	conn, err := net.Dial("unix", socket.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "CONNECT 10.244.0.1:10250 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nearly bytes")
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("CONNECT: %v %v", answer, err)
	}
	fmt.Fprint(conn, ", late bytes")
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "early bytes, late bytes" {
		t.Errorf("came back: %q %v", got, err)
	}
	end()
	if err := <-served; err != nil {
		t.Errorf("served: %v", err)
	}
}
