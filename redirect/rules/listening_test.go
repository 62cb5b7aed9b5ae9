package rules

import (
	"errors"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// All three ports count, and only those of the placement that is asked for.
func TestListening(t *testing.T) {
	p := sandbox.NewPair(t)
	for i, port := range []uint16{16001, 16006, 16008} {
		var missing *NotListeningError
		if err := Listening(p.A, redirect.SidecarPorts); !errors.As(err, &missing) || missing.Port != port {
			t.Errorf("with %d listeners: %v, want port %d missing", i, err, port)
		}
		l, err := p.A.Listen(netns.ListenOptions{Port: port})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if err := Listening(p.A, redirect.SidecarPorts); err != nil {
		t.Error(err)
	}
	if err := Listening(p.A, redirect.NodePorts); err == nil {
		t.Error("nobody listens on the node's ports")
	}
	if err := Listening(p.B, redirect.SidecarPorts); err == nil {
		t.Error("nobody listens in the other namespace")
	}
}
