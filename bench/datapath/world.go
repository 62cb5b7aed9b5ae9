package datapath

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/peers"
)

// world is what all turns of a run share.
type world struct {
	lab       *lab.Lab
	servers   []*end             // of each pair of pods
	to        [][]netip.AddrPort // where they listen
	near, far peers.Side         // certificates of the peers
}

// newWorld makes it in a lab that is up.
func newWorld(ctx context.Context, l *lab.Lab) (*world, error) {
	w := &world{lab: l}
	dir := filepath.Join(l.Dir(), "peers")
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		w.near, w.far, err = peers.Issue(dir)
	}
	for i := 0; err == nil && i < len(l.Topology().Edges); i++ {
		err = w.add(ctx, i)
	}
	return w, err
}

// add starts the server of a pair.
func (w *world) add(ctx context.Context, i int) error {
	p, _ := w.lab.Topology().Pod(lab.PairServer(i))
	var to []netip.AddrPort
	for port := uint16(firstPort); port <= lastPort; port++ {
		to = append(to, netip.AddrPortFrom(p.IPv4, port))
	}
	if err := w.lab.Ports(lab.PairClient(i)); err != nil {
		return err
	}
	server, err := startServer(ctx, w.lab, lab.PairServer(i))
	if err != nil {
		return err
	}
	w.to, w.servers = append(w.to, to), append(w.servers, server)
	return nil
}

func (w *world) close() error {
	var errs []error
	for _, s := range w.servers {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
