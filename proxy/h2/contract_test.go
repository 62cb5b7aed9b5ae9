package h2

import (
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel/contract"
)

// TestContract: what package tunnel promises of every transport.
// Conformance 49: many streams share a tunnel.
func TestContract(t *testing.T) {
	contract.Test(t, func(t *testing.T, h tunnel.Handler, g contract.Given) (tunnel.Tunnel, func(), func()) {
		tn, s := pair(t, Options{OnPanic: g.OnPanic, Account: g.Account}, h)
		return tn, s.drain, func() { tn.(*conn).nc.Close() }
	})
}
