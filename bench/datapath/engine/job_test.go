package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestJobValidate(t *testing.T) {
	to := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}
	for name, j := range map[string]Job{
		"no mode":         {To: to, Connections: 1, Size: 64, For: 1},
		"nowhere":         {Mode: RR, Connections: 1, Size: 64, For: 1},
		"no connection":   {Mode: RR, To: to, Size: 64, For: 1},
		"too many":        {Mode: RR, To: to, Size: 64, For: 1, Connections: maxConnections + 1},
		"no size":         {Mode: RR, To: to, Connections: 1, For: 1},
		"no time":         {Mode: Up, To: to, Connections: 1},
		"a rate for crr":  {Mode: CRR, To: to, Connections: 1, Size: 64, For: 1, Rate: 1},
		"no stages":       {Mode: Idle, To: to, Connections: 1, Size: 64},
		"stages go down":  {Mode: Idle, To: to, Connections: 1, Size: 64, Stages: []int{2, 1}},
		"stages end soon": {Mode: Idle, To: to, Connections: 2, Size: 64, Stages: []int{1}},
	} {
		if j.Validate() == nil {
			t.Errorf("%s: %+v is valid", name, j)
		}
	}
}

// TestClientSees: a far end that does not do what it should fails the job.
func TestClientSees(t *testing.T) {
	for name, answer := range map[string]func(net.Conn, []byte){
		"an end":              func(c net.Conn, _ []byte) {},
		"another's answer":    func(c net.Conn, b []byte) { b[1]++; c.Write(b) },
		"an answer too many":  func(c net.Conn, b []byte) { c.Write(append(b, b...)) },
		"a cut answer, ended": func(c net.Conn, b []byte) { c.Write(b[:10]) },
	} {
		to, ended := badServer(t, answer)
		_, err := Run(t.Context(), Job{Mode: RR, To: to, Connections: 1, Size: 64, For: time.Hour}, func() error { return nil })
		if err == nil {
			t.Errorf("%s: not seen", name)
		}
		<-ended
	}
	nobody := freePort(t)
	if _, err := Run(t.Context(), Job{Mode: RR, To: []netip.AddrPort{nobody}, Connections: 1, Size: 64, For: time.Second}, func() error { return nil }); err == nil {
		t.Error("nobody listens, and it is not seen")
	}
}

// TestRunEndsWithItsContext, in all modes that measure.
func TestRunEndsWithItsContext(t *testing.T) {
	to := serve(t, 1)
	for _, mode := range []string{Up, RR, CRR} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Run(ctx, Job{Mode: mode, To: to, Connections: 2, Size: 64, For: time.Hour}, func() error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// badServer answers one request; ended is closed when its goroutine has ended.
func badServer(t *testing.T, answer func(net.Conn, []byte)) (to []netip.AddrPort, ended chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		defer l.Close()
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 64)
		if _, err := c.Read(b); err == nil {
			answer(c, b)
		}
	}()
	return []netip.AddrPort{l.Addr().(*net.TCPAddr).AddrPort()}, ended
}
