package h2

import (
	"context"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel/contract"
)

// TestContract: what package tunnel promises of every transport.
func TestContract(t *testing.T) {
	contract.Test(t, func(t *testing.T, h tunnel.Handler, onPanic func(any, []byte)) (tunnel.Tunnel, func(), func()) {
		o := Options{OnPanic: onPanic}
		cc, sc := loopback(t)
		s := serve(o, sc, h)
		tn, err := New(o).Client(context.Background(), cc)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			tn.Close()
			sc.Close()
			s.wait(t)
			s.drain()
		})
		return tn, s.drain, func() { cc.Close() }
	})
}
