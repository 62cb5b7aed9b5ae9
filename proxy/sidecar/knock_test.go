package sidecar

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// A sidecar that answers pings and accepts tunnels, and says nothing in them, is not live; one that ends them is, and so is one
// that nobody can reach by TCP: that is not for a restart to mend, and triage says it.
func TestAHalfDeadSidecarIsNotLive(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, path := serve(t, &fake{})
	s.door = uint16(l.Addr().(*net.TCPAddr).Port)
	if err := s.knock(t.Context()); err != nil { // nobody accepts, and nobody knocks
		t.Errorf("before it is served: %v", err)
	}
	s.Served()
	if got := status(admin.New(path).Call(t.Context(), "GET", "/live", nil, nil)); got != http.StatusServiceUnavailable { // the kernel takes the connection
		t.Errorf("when nobody answers: %d", got)
	}
	s.knocks = time.Hour
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if err := s.knock(t.Context()); err != nil {
		t.Errorf("when tunnels are refused: %v", err)
	}
	l.Close()
	<-ended
	if err := s.knock(t.Context()); err != nil {
		t.Errorf("when nobody listens: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.knock(gone); errors.Is(err, errHalfDead) {
		t.Error("who asked had gone, and that was held against it")
	}
}
