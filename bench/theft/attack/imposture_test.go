package attack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/proxy/h2"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Attempts are summed up by kind; one that was cut short counts for nothing.
func TestCount(t *testing.T) {
	a := func(kind, outcome, errno string, control bool) trust.Attempt {
		return trust.Attempt{Kind: kind, Outcome: outcome, Errno: errno, Control: control}
	}
	got := Count([]trust.Attempt{
		a("truth", trust.Succeeded, "", true), a("lie", trust.Refused, "alert", false), a("truth", trust.Refused, "late", true),
		a("lie", trust.Succeeded, "", false), a("lie", trust.Killed, "", false),
	})
	want := []Tally{{Kind: "truth", Control: true, Tried: 2, Succeeded: 1, Error: "late"}, {Kind: "lie", Tried: 2, Succeeded: 1, Error: "alert"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// gate is a mesh port of loopback that lets in whom its configuration does, and answers
// as an application would.
func gate(t *testing.T, config *tls.Config) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(redirect.HBONEPort)))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serve := func(c net.Conn) {
		defer c.Close()
		_ = h2.New(h2.Options{}).Serve(context.Background(), tls.Server(c, config), func(in tunnel.Incoming) {
			s, err := in.Accept(hbone.Header{})
			if err != nil {
				return
			}
			defer s.Close()
			_, _ = s.Read(make([]byte, 100))
			_, _ = io.WriteString(s, "HTTP/1.0 200 OK\r\n\r\n")
			_ = s.CloseWrite()
			_, _ = io.Copy(io.Discard, s)
		})
	}
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { serve(c) })
		}
	})
}

// Every lie about a certificate is believed by a gate that does not look, and refused by
// one that does: the attempts can succeed.
func TestLiesCanBeBelieved(t *testing.T) {
	const friend = "spiffe://cluster.local/ns/b/sa/friend"
	v := Destination{Workload: "b/db", Identity: "spiffe://cluster.local/ns/b/sa/db", As: friend, Address: netip.MustParseAddrPort("127.0.0.1:8080")}
	svid := func(name string, by *ca.CA) *identity.SVID {
		liar := &thief{}
		s, err := liar.sign(t.Context(), name, ca.Local{CA: by}.Sign)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	authority, err := ca.New(ca.Options{TrustDomain: "cluster.local"})
	if err != nil {
		t.Fatal(err)
	}
	own := svid(v.Identity, authority)
	for _, believes := range []bool{true, false} {
		t.Run(fmt.Sprintf("believes=%t", believes), func(t *testing.T) {
			config := identity.ServerTLS(identity.Static(own))
			if believes {
				config.ClientAuth, config.VerifyConnection = tls.RequestClientCert, nil
			}
			gate(t, config)
			l := &thief{Orders: Orders{Imposture: &Imposture{Victim: v}}, places: []place{{trust.Self, netns.Own()}}}
			truth := l.asOutsider(func(context.Context) (*identity.SVID, error) { return svid(friend, authority), nil })
			if err := truth.tell(t.Context()); err != nil {
				t.Errorf("the truth: %v", err)
			}
			for _, lie := range l.fromAnywhere()[:4] {
				if err := lie.tell(t.Context()); (err == nil) != believes {
					t.Errorf("%s: %v", lie.kind, err)
				}
			}
			if err := l.replay(t.Context(), identity.Static(svid(friend, authority))); !errors.Is(err, errClosed) {
				t.Errorf("a replay: %v", err) // TLS itself refuses it, whoever believes
			}
		})
	}
}
