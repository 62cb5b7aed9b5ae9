package datapath

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/peers"
)

// world is what all turns of a run share.
type world struct {
	lab       *lab.Lab
	server    *end
	to        []netip.AddrPort // where it listens
	near, far peers.Side       // certificates of the peers
}

// newWorld makes it in a lab that is up.
func newWorld(ctx context.Context, l *lab.Lab) (*world, error) {
	w := &world{lab: l}
	p, _ := l.Topology().Pod(lab.PairServer)
	for port := uint16(firstPort); port <= lastPort; port++ {
		w.to = append(w.to, netip.AddrPortFrom(p.IPv4, port))
	}
	dir := filepath.Join(l.Dir(), "peers")
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		w.near, w.far, err = peers.Issue(dir)
	}
	if err == nil {
		err = l.Ports(lab.PairClient)
	}
	if err == nil {
		w.server, err = startServer(ctx, l)
	}
	return w, err
}

func (w *world) close() error { return w.server.close() }
