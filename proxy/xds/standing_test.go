package xds

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// mood is how a server answers who asks for a sign of life.
type mood struct {
	healthpb.UnimplementedHealthServer
	says atomic.Int32 // a status of the protocol, or
}

const mute = -1 // it does not

func (m *mood) Check(ctx context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	says := m.says.Load()
	if says == mute {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_ServingStatus(says)}, nil
}

// stands waits until the client's standing is as wanted.
func stands(t *testing.T, c *Client, what string, is func(Standing) bool) Standing {
	t.Helper()
	for end := time.Now().Add(hang); ; time.Sleep(time.Millisecond) {
		switch s := c.Standing(); {
		case is(s):
			return s
		case time.Now().After(end):
			t.Fatalf("%s: %+v", what, s)
		}
	}
}

// A client says since when it hears nothing and why, also of a server that is there and
// silent, and what it cannot use.
func TestStanding(t *testing.T) {
	var p port
	s, m := newScript(), &mood{}
	m.says.Store(mute)
	p.serve(t, func(r grpc.ServiceRegistrar) { s.Register(r); healthpb.RegisterHealthServer(r, m) })
	c := startClient(t, &p, newHolder(), false)
	if x := c.Standing(); x.Error == "" || x.Since.IsZero() {
		t.Errorf("before anything was heard: %+v", x)
	}
	l := s.stream(t)
	l.hear(policy)
	l.say(policy, "1", nil, res("p", "bad"))
	l.hear(policy)
	stands(t, c, "it hears, and cannot use p", func(x Standing) bool { return x.Error == "" && strings.HasPrefix(x.Refused, "p: it is bad") })
	l.hear(address)
	l.say(policy, "2", nil, res("p", "good"))
	l.hear(policy)
	stands(t, c, "it can use p", func(x Standing) bool { return x.Refused == "" })

	silent := stands(t, c, "the server is there and silent", func(x Standing) bool { return strings.Contains(x.Error, "not answered") })
	if silent.Answered != 0 || time.Since(silent.Since) < knockTimeout {
		t.Errorf("it is silent since it was asked: %+v", silent)
	}
	m.says.Store(int32(healthpb.HealthCheckResponse_NOT_SERVING))
	stands(t, c, "it answers, and is behind", func(x Standing) bool { return x.Error == "" && x.Answered > 0 && x.Refused != "" })
	p.stop()
	gone := stands(t, c, "the server is gone", func(x Standing) bool { return x.Error != "" })
	if !gone.Since.After(silent.Since) {
		t.Errorf("%+v", gone)
	}
	p.serve(t, func(r grpc.ServiceRegistrar) { s.Register(r) }) // one that knows of no signs of life
	s.stream(t)
	back := stands(t, c, "another is back", func(x Standing) bool { return x.Error == "" })
	if !back.Since.After(gone.Since) || back.Refused != "" {
		t.Errorf("%+v", back)
	}
}

// What comes is counted by type, and streams by how they ended: one that nobody answered, one
// that the server ends, one that it refuses, one that is lost with the server.
func TestTraffic(t *testing.T) {
	var p port
	s := newScript()
	p.serve(t, s.Register)
	c := startClient(t, &p, newHolder(), false)
	want := func(policies, values, others uint64, ended map[string]uint64) {
		t.Helper()
		stands(t, c, fmt.Sprint(policies, values, others, ended), func(x Standing) bool {
			return x.Messages[policy] == policies && x.Bytes[policy] == values && x.Messages[unsubscribed] == others &&
				x.Messages[address] == 0 && x.Bytes[address] == 0 && len(x.Ended) == 4 && maps.Equal(x.Ended, ended)
		})
	}
	ended := map[string]uint64{"ConnectionError": 0, "Error": 0, "Reconnect": 0, "Complete": 0}
	want(0, 0, 0, ended)

	l := s.stream(t)
	l.hear(policy)
	l.say(policy, "1", nil, res("p", "four"), res("q", "bad"))
	l.hear(policy)
	l.hear(address)
	l.say("of another kind", "2", nil)
	l.hear("of another kind")
	want(1, uint64(len("four")+len("bad")), 1, ended)
	s.ends <- nil
	ended["Complete"]++
	want(1, 7, 1, ended)

	l = s.stream(t)
	l.say(policy, "3", nil)
	want(2, 7, 1, ended)
	s.ends <- status.Error(codes.PermissionDenied, "no")
	ended["Error"]++
	want(2, 7, 1, ended)

	s.stream(t)
	s.ends <- status.Error(codes.PermissionDenied, "no")
	ended["ConnectionError"]++
	want(2, 7, 1, ended)

	l = s.stream(t)
	l.say(policy, "4", nil)
	want(3, 7, 1, ended)
	p.stop()
	stands(t, c, "a stream is lost, and nobody answers", func(x Standing) bool { return x.Ended["Reconnect"] == 1 && x.Ended["ConnectionError"] > 1 })
}

func TestWhatIsRememberedOfRefusalsIsBounded(t *testing.T) {
	s := newStanding()
	rejected := map[string]error{}
	for range 3 * maxRefused {
		name := strings.Repeat("n", len(rejected)+1)
		rejected[name] = Lost{context.DeadlineExceeded}
	}
	s.settle(Response{}, rejected)
	if len(s.refused) != maxRefused {
		t.Errorf("%d are kept", len(s.refused))
	}
	for name := range rejected {
		s.settle(Response{Removed: []string{name}}, nil)
	}
	if len(s.refused) != 0 {
		t.Errorf("%d are kept of those that are gone", len(s.refused))
	}
}
