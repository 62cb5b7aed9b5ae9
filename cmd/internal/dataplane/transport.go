package dataplane

import (
	"net"
	"os"

	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/h2"
	"github.com/bulkhead-mesh/bulkhead/proxy/h3"
	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Transport is how tunnels of one workload are made.
func Transport(a *budget.Account) tunnel.Transport { return h2.New(h2.Options{Account: a}) }

// handshakes are those over QUIC of all workloads of the process.
var handshakes h3.Handshakes

// Datagrams is how those over QUIC are.
func Datagrams(a *budget.Account, pc net.PacketConn, d *cell.Datagrams) (proxy.Datagrams, error) {
	// A line past our logs, of a limit that a cell cannot raise.
	if err := os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true"); err != nil {
		return nil, err
	}
	ids, err := h3.NewIDs(d.Slot, steer.IDLength)
	if err != nil {
		return nil, err
	}
	return h3.New(h3.Options{Account: a, Handshakes: &handshakes}).On(pc, h3.Socket{IDs: ids, Key: &d.Key}), nil
}
