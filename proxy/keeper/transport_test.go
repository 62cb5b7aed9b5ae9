package keeper

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// eachTransport runs a test of a node of its own over HTTP/2 and over QUIC. Over QUIC the pods have met before, since
// the first connections to a peer always go over HTTP/2; and in the end it wants to see on record what carried
// every connection that the test held, or the test has shown nothing.
func eachTransport(t *testing.T, extra string, f func(t *testing.T, n *node)) {
	eachTransportFrom(t, func(t *testing.T, more string) *node { return startNode(t, extra+"\n"+more) }, f)
}

// eachTransportFrom is eachTransport for nodes that start otherwise.
func eachTransportFrom(t *testing.T, start func(t *testing.T, more string) *node, f func(t *testing.T, n *node)) {
	t.Run("http2", func(t *testing.T) {
		n := start(t, "")
		n.echo(t)
		f(t, n)
		n.wantCarried(t)
	})
	t.Run("quic", func(t *testing.T) {
		n := start(t, quicOn)
		n.quic = true
		n.echo(t)
		n.meet(t)
		f(t, n)
		n.wantCarried(t)
	})
}

// meet returns when the next connection goes over the node's transport. Who was started anew, or drained, has to be
// met anew.
func (n *node) meet(t *testing.T) {
	t.Helper()
	if n.quic {
		n.overQUIC(t)
	}
}

// hold is a connection that is open and works.
func (n *node) hold(t *testing.T) *net.TCPConn {
	t.Helper()
	c, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := say(c, "hello"); err != nil {
		t.Fatal(err)
	}
	n.held = append(n.held, c)
	return c
}

// wantCarried ends what was held since the last time, and wants both ends' records of each to say that the node's
// transport carried it.
func (n *node) wantCarried(t *testing.T) {
	t.Helper()
	if len(n.held) == 0 {
		t.Error("no connection was held: nothing shows what carried this test")
	}
	for _, c := range n.held {
		c.Close()
		for _, line := range n.recordsOf(t, c) {
			if strings.Contains(line, `"transport":"quic"`) != n.quic {
				t.Errorf("carried by the other transport: %s", line)
			}
		}
	}
	n.held = nil
}

// recordsOf are both ends' records of a connection that was closed.
func (n *node) recordsOf(t *testing.T, c *net.TCPConn) []string {
	t.Helper()
	near := n.record(t, `"direction":"outbound"`, fmt.Sprintf(`"src.addr":"%s"`, c.LocalAddr()))
	_, trace, _ := strings.Cut(near, `"traceparent":`)
	trace, _, _ = strings.Cut(trace, ",")
	return []string{near, n.record(t, `"direction":"inbound"`, `"traceparent":`+trace)}
}

// record returns the access line with all of these, once there is one.
func (n *node) record(t *testing.T, parts ...string) (found string) {
	t.Helper()
	parts = append(parts, `"msg":"connection `)
	eventually(t, "a connection is on record", func() error {
		if found = n.line(parts...); found == "" {
			return fmt.Errorf("no line with %q", parts)
		}
		return nil
	})
	return found
}
