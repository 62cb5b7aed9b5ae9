package datapath

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// mesh is our own data plane: nodes, keepers, cells, capture, policy, metrics, records,
// budgets and jail, as on any node. Only its limits are higher than a node's usual ones.
type mesh struct {
	isolation string
	pool      string
	quic      bool
	bin       string // of another build; empty: the lab's own
	lab       *lab.Lab
}

func (m *mesh) start(ctx context.Context, w *world) error {
	l := w.lab
	m.lab = l
	s, err := lab.SubjectOf(m.isolation, lab.Kubelet(1))
	if err != nil {
		return err
	}
	s.Bin, s.Pool, s.Stressed = m.bin, m.pool, true
	if m.quic {
		s.Transport = lab.OverQUIC
	}
	if err := l.Place(ctx, s); err != nil {
		return err
	}
	if err := errors.Join(l.Pin(lab.PairClientNode, clientCPU), l.Pin(lab.PairServerNode, serverCPU)); err != nil || !m.quic {
		return err
	}
	return overQUIC(ctx, w)
}

func (m *mesh) spent() (a, b time.Duration, err error) {
	a, errA := m.lab.Spent(lab.PairClientNode)
	b, errB := m.lab.Spent(lab.PairServerNode)
	return a, b, errors.Join(errA, errB)
}

func (m *mesh) memory() (int64, error) {
	u, err := m.lab.Usage()
	return u.PSS, err
}

func (m *mesh) stop(ctx context.Context) error { return m.lab.Displace(ctx) }
