package keeper

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// startDead is a node whose server's service has a second endpoint, which is dead: its
// address belongs to another identity by now.
func startDead(t *testing.T, extra string) *node {
	t.Helper()
	n := startNode(t, extra)
	n.write(t, "mesh.yaml", fmt.Sprintf(`
trustDomain: cluster.local
workloads:
- {uid: a/client, name: client, namespace: a, serviceAccount: client, node: n, addresses: [%s, "%s"], protocol: HBONE}
- {uid: a/server, name: server, namespace: a, serviceAccount: server, node: n, addresses: [%s], protocol: HBONE, services: {a/web.example: [{port: 81, target: 8081}]}}
- {uid: a/dead, name: dead, namespace: a, serviceAccount: dead, node: gone, addresses: ["%s"], protocol: HBONE, services: {a/web.example: [{port: 81, target: 8081}]}}
services:
- {name: web, namespace: a, hostname: web.example, addresses: [10.96.0.1], ports: [{port: 80, target: 8080}, {port: 81}]}
`, n.A4, n.A6, n.B4, n.B6))
	n.echo(t)
	l, err := n.B.Listen(netns.ListenOptions{Port: 8081})
	if err != nil {
		t.Fatal(err)
	}
	var greeting sync.WaitGroup
	greeting.Go(func() { greetAll(l) })
	t.Cleanup(func() { l.Close(); greeting.Wait() })
	eventually(t, "the service is known", func() error { return n.greet() })
	return n
}

// greet hears the server at a named port of its service.
func (n *node) greet() error {
	c, err := n.dialTo(netip.MustParseAddrPort("10.96.0.1:81"))
	if err != nil {
		return err
	}
	defer c.Close()
	word := make([]byte, 5)
	_, err = c.Read(word)
	return err
}

// With real processes from the file to the cell: no connection fails because one of two
// endpoints is dead, and the node says that it is set aside.
func TestAServiceWithADeadEndpoint(t *testing.T) {
	n := startDead(t, "")
	for i := range 30 {
		c, err := n.dialTo(netip.MustParseAddrPort("10.96.0.1:80"))
		if err == nil {
			err = say(c, "hello")
			c.Close()
		}
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	eventually(t, "the node says which endpoint is set aside", func() error {
		if log := n.stderr.String(); !strings.Contains(log, "endpoint set aside") || !strings.Contains(log, "a/dead") {
			return fmt.Errorf("nothing in its log")
		}
		return nil
	})
}

// The control: the node's file can turn that off, and then one in two fails.
func TestAServiceWithADeadEndpointWithoutRetries(t *testing.T) {
	n := startDead(t, "tunnels: {retry: off}\n")
	failed := 0
	for range 30 {
		if n.greet() != nil {
			failed++
		}
	}
	if failed == 0 || failed == 30 { // once in 500 million runs by chance
		t.Errorf("%d of 30 connections failed", failed)
	}
}
