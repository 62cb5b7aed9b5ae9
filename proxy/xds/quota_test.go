package xds

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// wantEnd waits until the stream ends with a code, whatever comes before.
func (r *raw) wantEnd(want codes.Code) {
	r.t.Helper()
	limit := time.After(hang)
	for {
		select {
		case <-r.responses:
		case err := <-r.ended:
			if status.Code(err) != want {
				r.t.Errorf("the stream ended with %v, want %v", err, want)
			}
			return
		case <-limit:
			r.t.Fatal("the stream does not end")
		}
	}
}

func many(n int, name func(int) string) (names []string) {
	for i := range n {
		names = append(names, name(i))
	}
	return names
}

// A proxy that asks for names without bound, all at once, or the same again before it was answered, or for long ones, is
// ended with a status that says so, and one that stays below is answered.
func TestNamesAreBounded(t *testing.T) {
	numbered := func(i int) string { return fmt.Sprint("n", i) }
	var p port
	var log strings.Builder // its two ends are one behind the other
	s := newServer(func(c *ServerConfig) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	s.Update(address, nil, nil)
	p.serve(t, s.Register)

	r := newRaw(t, &p)
	all := many(maxNames, numbered)
	r.send(subscribe(address, all...))
	m, _ := r.next()
	if len(m.RemovedResources) != maxNames {
		t.Fatalf("%d names are answered", len(m.RemovedResources))
	}
	r.ack(m)
	r.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: address, ResourceNamesUnsubscribe: all[:1]})
	r.send(subscribe(address, "other")) // in the place of the first
	r.want("-other")
	r.send(subscribe(address, all[1])) // it is one of them already
	r.want("-" + all[1])
	r.send(subscribe(address, "one more"))
	r.wantEnd(codes.ResourceExhausted)

	r = newRaw(t, &p)
	same := many(maxNames, func(int) string { return "a" })
	for range 3 { // the first is answered, and that is not acknowledged
		r.send(subscribe(address, same...))
	}
	r.wantEnd(codes.ResourceExhausted)

	r = newRaw(t, &p)
	r.send(subscribe(address, strings.Repeat("x", maxName)))
	r.want("-" + strings.Repeat("x", maxName))
	r.send(subscribe(address, strings.Repeat("x", maxName+1)))
	r.wantEnd(codes.InvalidArgument)
	p.stop() // the log is whole
	if got := s.excess.Load(); got != 3 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("%d are counted, and the log says\n%s", got, &log)
	}
}

// What comes with an alias is not on the proxy's account, and followed as before.
func TestWhatComesAlongIsNoName(t *testing.T) {
	s := newServer()
	group := res("svc", "one")
	group.Aliases = []string{"10.0.0.1"}
	member := res("pod", "one")
	member.Groups = []string{"svc"}
	s.Update(address, []Resource{group, member}, nil)
	w := &watch{typ: address, store: s.stores[address], greeted: true, names: map[string]bool{}, along: map[string]bool{}}
	if err := w.subscribe(subscribe(address, "10.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if r, _ := w.next(func(*Resource) bool { return true }); len(r.Resources) != 2 || len(w.names) != 1 || len(w.along) != 2 {
		t.Errorf("%d came, of %v and %v", len(r.Resources), w.names, w.along)
	}
}

// One node has so many streams, and who leaves makes room.
func TestStreamsOfANodeAreBounded(t *testing.T) {
	var p port
	s := newServer(func(c *ServerConfig) {
		c.Node = func(ctx context.Context) string { return "n1" }
	})
	s.Update(policy, nil, nil)
	p.serve(t, s.Register)
	var last *raw
	for range maxStreams {
		last = newRaw(t, &p)
		last.send(subscribe(policy))
		last.want("")
	}
	newRaw(t, &p).wantEnd(codes.ResourceExhausted)
	if err := last.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	last.wantEnd(codes.Unknown) // io.EOF: it ended in order
	r := newRaw(t, &p)
	r.send(subscribe(policy))
	r.want("")
	if got := s.excess.Load(); got != 1 {
		t.Errorf("%d are counted", got)
	}
}
