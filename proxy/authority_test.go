package proxy_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// named is a server with ports of its own.
func named(t *testing.T) *two {
	t.Helper()
	p := sandbox.NewPair(t)
	w := newWorld(t, p, mesh.File{
		TrustDomain: "cluster.local",
		Workloads: []mesh.Workload{
			{UID: "a/client", Name: "client", Namespace: "a", ServiceAccount: "client", Addresses: []netip.Addr{p.A4}, Protocol: mesh.HBONE},
			{UID: "a/server", Name: "server", Namespace: "a", ServiceAccount: "server", Addresses: []netip.Addr{p.B4}, Protocol: mesh.HBONE, Services: map[string][]mesh.Port{
				"a/web.example":       {{Port: 81, Target: 8081}, {Port: 82, Target: 8082}},
				"a/shared.example":    nil,
				"zoo/shared.example":  nil,
				"zoo/foreign.example": {{Port: 80, Target: 8084}},
			}},
		},
		Services: []mesh.Service{
			{Name: "web", Namespace: "a", Host: "web.example", Addresses: []netip.Addr{netip.MustParseAddr("10.96.0.1")}, Ports: []mesh.Port{{Port: 80, Target: 8080}, {Port: 81}, {Port: 82, Target: 9999}, {Port: 83}, {Port: 84, Target: 15001}}},
			{Name: "shared", Namespace: "zoo", Host: "shared.example", Canonical: true, Ports: []mesh.Port{{Port: 80, Target: 9999}}},
			{Name: "shared", Namespace: "a", Host: "shared.example", Ports: []mesh.Port{{Port: 80, Target: 8083}}},
			{Name: "foreign", Namespace: "zoo", Host: "foreign.example", Ports: []mesh.Port{{Port: 80}}},
		},
	})
	w.client = w.start(t, "a/client", p.A)
	w.server = w.start(t, "a/server", p.B)
	for _, port := range []uint16{8080, 8081, 8082, 8083, 8084} {
		w.server.serve(t, port, func(c *net.TCPConn) { fmt.Fprint(c, port) })
	}
	return w
}

func TestAHostNameMeansAPortOfTheEndpoint(t *testing.T) {
	w := named(t)
	cert := w.svid(t, w.client.workload.Identity)
	for _, c := range []struct {
		name, authority string
		status          int
		port            string
	}{
		// Conformance 20: a host name means the service's target port, at its own namespace's service first.
		{"target port", "web.example:80", 200, "8080"},
		{"name of two services", "shared.example:80", 200, "8083"},
		{"in upper case", "WEB.example:80", 200, "8080"},
		// Conformance 22: the endpoint's own port map comes first; a named port needs it.
		{"named port", "web.example:81", 200, "8081"},
		{"own port before the service's", "web.example:82", 200, "8082"},
		{"named port of a service elsewhere", "foreign.example:80", 200, "8084"},
		{"named port that it does not name", "web.example:83", 503, ""},
		{"no such port", "web.example:85", 503, ""},
		{"one of the proxy's own", "web.example:84", 503, ""},
		{"no such service", "nothing.example:80", 503, ""},
		// Conformance 21: an address must be the one that was called.
		{"another address", "10.77.0.9:8080", 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := w.request(t, http.MethodConnect, c.authority, http.NoBody, cert)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if got := readAll(t, resp.Body); resp.StatusCode != c.status || got != c.port {
				t.Errorf("status %d from port %q, want %d from %q", resp.StatusCode, got, c.status, c.port)
			}
		})
	}
	w.server.waitLine(t, "status=400", "ip mismatch: 10.77.0.9 != 10.77.0.2")
}
