package proxy

import (
	"net/netip"
	"time"
)

// Connection is one that is being relayed, as operators see it.
type Connection struct {
	Direction   string         `json:"direction"`
	Since       time.Time      `json:"since"`
	Source      netip.AddrPort `json:"src"`
	Destination netip.AddrPort `json:"originalDst"`
	Actual      netip.AddrPort `json:"actualDst"` // where the bytes go
	Tunnel      bool           `json:"tunnel"`    // over HBONE
	Peer        string         `json:"peer,omitempty"`
	PeerUID     string         `json:"peerWorkload,omitempty"`
	Service     string         `json:"service,omitempty"`
	Sent        int64          `json:"sent"`
	Received    int64          `json:"received"`
}

// Connections lists those that are being relayed, the newest first and at most limit, and
// how many there are in all.
func (w *Workload) Connections(limit int) (list []Connection, total int) {
	g := &w.open
	g.mu.Lock()
	defer g.mu.Unlock()
	for o := g.newest; o != nil; o = o.older {
		if !o.relayed {
			continue // it is being connected: its record still changes
		}
		if total++; total <= limit {
			list = append(list, o.describe())
		}
	}
	return list, total
}

// describe is for one that is being relayed: what it reads is constant then.
func (o *open) describe() Connection {
	c := Connection{
		Direction: string(o.Direction), Since: o.Start, Source: o.Source, Destination: o.Destination, Actual: o.Next,
		Tunnel: o.HBONE.IsValid(), PeerUID: o.PeerUID, Service: o.Service, Sent: o.count.AtoB.Load(), Received: o.count.BtoA.Load(),
	}
	if !o.Peer.IsZero() {
		c.Peer = o.Peer.String()
	}
	return c
}

// relayed notes that a connection's record does not change any more until its end.
func (g *register) relayed(o *open) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o.relayed = true
}
