package telemetry

import (
	"sync/atomic"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Counters are what one workload did in one process of a cell. Opened equals Closed plus
// the connections open now; Failed is contained in Closed.
type Counters struct {
	Opened, Closed, Failed, Panics atomic.Uint64

	// Retries counts tries at another endpoint after one failed, SetAside the endpoints that
	// were set aside for it (each time anew).
	Retries, SetAside atomic.Uint64

	// Upgrades counts tunnels that went over from HTTP/2 to QUIC, and Losses why they, or tries at
	// one, ended so that the next connections go over HTTP/2.
	Upgrades atomic.Uint64
	Losses   [tunnel.Losses]atomic.Uint64

	// DryRun are connections on which policies of dry run would have decided differently.
	DryRun atomic.Uint64

	// Queue is how long connections and tunnels waited for the workload's budget, Handshake
	// how long TLS with a peer took (either side), and Connect how long it took from an
	// accepted connection to one that carries bytes.
	Queue, Handshake, Connect Clock

	// Series are the same connections by who is at their other end.
	Series Table
}

// Counts is a copy of Counters at one moment, as it crosses the channel.
type Counts struct {
	Opened   uint64 `json:"opened"`
	Closed   uint64 `json:"closed"`
	Failed   uint64 `json:"failed"`
	Sent     uint64 `json:"sent"`
	Received uint64 `json:"received"`
	Panics   uint64 `json:"panics"`
	DryRun   uint64 `json:"dryRun,omitempty"`

	// Budget is what the workload was refused and made to wait for, by its account.
	Budget budget.Counts `json:"budget,omitzero"`

	Retries  uint64 `json:"retries,omitempty"`
	SetAside uint64 `json:"setAside,omitempty"`
	Aside    int64  `json:"aside,omitempty"` // endpoints set aside now

	Upgrades uint64                `json:"upgrades,omitempty"`
	Losses   [tunnel.Losses]uint64 `json:"losses,omitzero"`

	Queue     Times `json:"queue,omitzero"`
	Handshake Times `json:"handshake,omitzero"`
	Connect   Times `json:"connect,omitzero"`
}

// Counts copies the counters. The fields are read one after another, so a
// connection that ends meanwhile may show in one and not yet in the next.
func (c *Counters) Counts() Counts {
	sent, received := c.Series.bytes()
	n := Counts{
		Opened: c.Opened.Load(), Closed: c.Closed.Load(), Failed: c.Failed.Load(),
		Sent: sent, Received: received, Panics: c.Panics.Load(),
		DryRun: c.DryRun.Load(), Retries: c.Retries.Load(), SetAside: c.SetAside.Load(), Upgrades: c.Upgrades.Load(),
		Queue: c.Queue.Times(), Handshake: c.Handshake.Times(), Connect: c.Connect.Times(),
	}
	for i := range n.Losses {
		n.Losses[i] = c.Losses[i].Load()
	}
	return n
}

// Add returns the sum of both, field by field.
func (a Counts) Add(b Counts) Counts {
	for i := range a.Losses {
		b.Losses[i] += a.Losses[i]
	}
	return Counts{
		a.Opened + b.Opened, a.Closed + b.Closed, a.Failed + b.Failed,
		a.Sent + b.Sent, a.Received + b.Received, a.Panics + b.Panics, a.DryRun + b.DryRun, a.Budget.Add(b.Budget),
		a.Retries + b.Retries, a.SetAside + b.SetAside, a.Aside + b.Aside, a.Upgrades + b.Upgrades, b.Losses,
		a.Queue.Add(b.Queue), a.Handshake.Add(b.Handshake), a.Connect.Add(b.Connect),
	}
}

// Past is what is left of the counts of a process that has ended: it uses nothing any
// more, and what it had set aside nobody has now.
func (a Counts) Past() Counts {
	a.Aside, a.Budget = 0, a.Budget.Past()
	return a
}

// StillOpen is how many connections have begun and not ended, as far as that is known.
func (a Counts) StillOpen() uint64 { return a.Opened - min(a.Closed, a.Opened) }

// Open counts the begin of a connection.
func (c *Counters) Open() { c.Opened.Add(1) }

// Carry counts a connection that begins to carry bytes: from now on it is known whose
// series it belongs to.
func (c *Counters) Carry(r *Record) *Series {
	c.Connect.Since(r.Start)
	r.series = c.Series.Open(r.key())
	return r.series
}

// Close counts the end of the connection that r describes. One that never carried bytes is
// opened and closed in its series at once.
func (c *Counters) Close(r *Record) {
	if r.series == nil {
		r.series = c.Series.Open(r.key())
	}
	r.series.close(r)
	if r.Err != nil {
		c.Failed.Add(1)
	}
	c.Closed.Add(1)
}
