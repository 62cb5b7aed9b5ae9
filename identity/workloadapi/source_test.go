package workloadapi_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/workloadapi"
	"github.com/bulkhead-mesh/bulkhead/identity/workloadapi/agent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hang = 60 * time.Second // fires only if something hangs

// The SVID of the identity is taken, a newer one replaces it, and it is kept when the agent goes away or has no more.
func TestSource(t *testing.T) {
	authority, err := ca.New(ca.Options{TrustDomain: "td"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.Parse("spiffe://td/ns/a/sa/b")
	if err != nil {
		t.Fatal(err)
	}
	other, err := identity.Parse("spiffe://td/ns/a/sa/c")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "agent.sock")
	a := agent.Serve(t, socket)
	src := workloadapi.New(id, "unix://"+socket, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- src.Run(ctx) }()
	if _, err := src.SVID(); err != identity.ErrNoSVID {
		t.Errorf("before the first: %v", err)
	}
	a.Push(t, authority, other)
	a.Push(t, authority, other, id)
	select {
	case <-src.Ready():
	case <-time.After(hang):
		t.Fatal("no SVID")
	}
	first, err := src.SVID()
	if err != nil || first.ID != id {
		t.Fatalf("%v, %v", first, err)
	}
	a.Push(t, authority, id)
	eventually(t, "the newer one is taken", func() bool {
		now, err := src.SVID()
		if err != nil {
			t.Fatal(err)
		}
		newer := now != first
		first = now
		return newer
	})
	a.Push(t, authority, other) // it was taken from the workload: what is valid stays
	a.Push(t, authority, other)
	a.Stop()
	if now, err := src.SVID(); err != nil || now != first || !src.NotAfter().Equal(first.NotAfter) {
		t.Errorf("without an agent: %v", err)
	}
	eventually(t, "the outage is noted", func() bool {
		n, o := src.Taken()
		return n == 2 && o != nil && o.Attempts >= 2 && !o.Since.IsZero() && o.Err != nil
	})
	a = agent.Serve(t, socket) // however its predecessor said good-bye
	defer a.Stop()
	a.Push(t, authority, id)
	eventually(t, "the next agent is asked", func() bool {
		now, err := src.SVID()
		_, o := src.Taken()
		return err == nil && now != first && o == nil
	})
	ahead, err := ca.New(ca.Options{TrustDomain: "td", Now: func() time.Time { return time.Now().Add(24 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	a.Push(t, ahead, id)
	eventually(t, "what is dated for tomorrow is counted", func() bool {
		d := src.Dates()
		_, o := src.Taken()
		return d.Refused > 0 && d.Ahead > 22*time.Hour && o != nil
	})
	a.Push(t, authority, id)
	eventually(t, "the clocks agree again", func() bool { d := src.Dates(); return d.Refused > 0 && d.Ahead == 0 })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(hang); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("hang: waiting until %s", what)
		}
	}
}
