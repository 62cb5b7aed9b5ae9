package cell

import (
	"errors"
	"fmt"
	"net"

	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/steer"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// datagrams takes over the assignment's UDP socket, or makes it in ns. None is no failure: a
// workload without QUIC announces none, and its peers go on over HTTP/2.
func (s *cell) datagrams(ns *netns.Namespace, account *budget.Account, a *Assignment) (proxy.Datagrams, error) {
	d := a.Datagrams
	a.Datagrams = nil
	if d == nil || s.Datagrams == nil {
		d.close()
		return nil, nil
	}
	if d.err != nil {
		d.close()
		return nil, d.err
	}
	pc, err := d.packets(ns, a.Ports.HBONE)
	if err != nil {
		return nil, err
	}
	made, err := s.Datagrams(account, pc, d)
	if err != nil {
		pc.Close()
		return nil, err
	}
	return socketed{made, pc}, nil
}

// packets is the socket, of which this process has its own descriptor.
func (d *Datagrams) packets(ns *netns.Namespace, port uint16) (net.PacketConn, error) {
	if d.Socket == nil {
		return ns.ListenUDP(port, redirect.MarkProxy)
	}
	defer d.close()
	pc, err := net.FilePacketConn(d.Socket)
	if err != nil {
		return nil, fmt.Errorf("inherited UDP socket: %w", err)
	}
	if _, ok := pc.(*net.UDPConn); !ok {
		pc.Close()
		return nil, errors.New("inherited descriptor is no UDP socket")
	}
	return pc, nil
}

func (d *Datagrams) close() {
	if d != nil && d.Socket != nil {
		d.Socket.Close()
	}
}

// socketed closes the socket with what speaks through it.
type socketed struct {
	proxy.Datagrams
	pc net.PacketConn
}

func (s socketed) Close() error { return errors.Join(s.Datagrams.Close(), s.pc.Close()) }

// datagramsOf checks what a Serve says of the socket that came with it. What is wrong costs the workload QUIC, and
// not its cell: a keeper says the same to each successor.
func datagramsOf(q *QUIC) *Datagrams {
	d := &Datagrams{Slot: q.Slot}
	if q.Slot >= steer.Slots || len(q.Key) != len(d.Key) {
		d.err = fmt.Errorf("slot %d of %d, key of %d bytes", q.Slot, steer.Slots, len(q.Key))
	}
	copy(d.Key[:], q.Key)
	return d
}
