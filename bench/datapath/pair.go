package datapath

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/peers"
)

// Where the two proxies of a pair listen.
const (
	nearPort    = 9401 // the client's, on loopback
	betweenPort = 9400 // the server's, on its pod's address
)

// ports are those, unless the peer has some built in.
func ports(p peers.Peer) (near, between uint16) {
	return cmp.Or(p.Near, nearPort), cmp.Or(p.Between, betweenPort)
}

// pair is two proxies of a peer, one in each pod. Connections of the client reach the first
// by a rule in its pod, as those of a captured pod do: a ratio compares proxies then, and
// not one with a rewritten address and one without.
type pair struct {
	peer           peers.Peer
	client, server *lab.Guest
	undo           func() error
}

func (p *pair) start(ctx context.Context, w *world) (err error) {
	near, far := w.near, w.far
	atNear, atBetween := ports(p.peer)
	between := netip.AddrPortFrom(w.to[0][0].Addr(), atBetween)
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	far.Listen, far.Next = between, netip.AddrPortFrom(loopback, firstPort)
	near.Listen, near.Next = netip.AddrPortFrom(loopback, atNear), between
	if p.server, err = p.end(ctx, w.lab, lab.PairServer(0), serverCPU, far, p.peer.Server); err != nil {
		return err
	}
	if p.client, err = p.end(ctx, w.lab, lab.PairClient(0), clientCPU, near, p.peer.Client); err != nil {
		return err
	}
	p.undo, err = w.lab.Divert(lab.PairClient(0), between.Addr(), firstPort, lastPort, atNear)
	return err
}

// end starts one of the two.
func (p *pair) end(ctx context.Context, l *lab.Lab, pod string, cpu int, s peers.Side, of func(string, peers.Side) (peers.Command, error)) (*lab.Guest, error) {
	s.Bulkhead = l.Bin("bulkhead")
	dir := filepath.Join(l.Dir(), "peers", strings.ReplaceAll(p.peer.Name+"-"+pod, "/", "_"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	c, err := of(dir, s)
	if err != nil {
		return nil, err
	}
	g, err := l.Invite(pod, "proxy", c.Argv, c.Env, nil, nil)
	if err != nil {
		return nil, err
	}
	if err = g.Answers(ctx, c.Ready); err == nil {
		err = g.Pin(cpu)
	}
	if err != nil {
		g.Stop()
		return nil, err
	}
	return g, nil
}

func (p *pair) spent() (a, b time.Duration, err error) {
	a, errA := p.client.CPU()
	b, errB := p.server.CPU()
	return a, b, errors.Join(errA, errB)
}

func (p *pair) memory() (int64, error) {
	a, errA := p.client.PSS()
	b, errB := p.server.PSS()
	return a + b, errors.Join(errA, errB)
}

func (p *pair) stop(context.Context) (err error) {
	if p.undo != nil {
		err = p.undo()
	}
	for _, g := range []*lab.Guest{p.client, p.server} {
		if g != nil {
			g.Stop()
		}
	}
	return err
}
