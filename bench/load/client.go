package load

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxAge is how far in the past a load may start: a plan that began long ago
// would send all that it missed at once.
const maxAge = int64(5 * time.Second)

// clients runs at most one load at a time. One goroutine uses it.
type clients struct {
	rec    *recorder
	marker string
	stop   context.CancelFunc // ends planning; nil when no load runs
	flows  sync.WaitGroup     // one per flow
}

// start begins a load; ctx aborts it.
func (c *clients) start(ctx context.Context, s *Start) error {
	if age := Now() - s.At; age > maxAge {
		return fmt.Errorf("start is %v in the past", time.Duration(age))
	}
	c.finish()
	planning, stop := context.WithCancel(ctx)
	c.stop = stop
	for _, f := range s.Flows {
		p := path{flow: f, at: s.At, marker: c.marker, rec: c.rec}
		c.flows.Go(func() { p.run(ctx, planning) })
	}
	return nil
}

// finish ends planning and waits until every request has its record: at most the
// longest timeout of the load.
func (c *clients) finish() {
	if c.stop == nil {
		return
	}
	c.stop()
	c.stop = nil
	c.flows.Wait()
}

// path is one flow at work: what both kinds of client share. It is immutable.
type path struct {
	flow   Flow
	at     int64
	marker string
	rec    *recorder
}

// run sends until planning is done and all answers are in, or ctx is done.
func (p path) run(ctx, planning context.Context) {
	if p.flow.Kind == New {
		p.runNew(ctx, planning)
		return
	}
	newReused(p).run(ctx, planning)
}

// request is one planned send.
type request struct {
	seq     int
	planned int64
	sent    int64
	frame   []byte // with its length
}

// plan is request k.
func (p path) plan(k int) request {
	return request{
		seq:     k,
		planned: p.flow.planned(p.at, k),
		frame:   appendRequest(nil, p.flow.ID, k, p.marker),
	}
}

// deadline is when a request fails for want of an answer.
func (p path) deadline(q request) int64 { return q.planned + int64(p.flow.timeout()) }

// finish writes the record of a request that ended at done.
func (p path) finish(q request, done int64, class, peer string) {
	p.rec.record(Record{Flow: p.flow.ID, Seq: q.seq, Planned: q.planned, Sent: q.sent, Done: done, Error: class, Peer: peer})
}

// judge checks an answer's body and returns its class and the peer to record.
func (p path) judge(q request, body []byte) (class, peer string) {
	client, err := answers(q.frame[2:], body)
	if err != nil {
		return Wrong, ""
	}
	if want := p.flow.ExpectPeer; want.IsValid() && client.Addr() != want.Unmap() {
		return Wrong, client.Addr().String()
	}
	return "", client.Addr().String()
}

// dial opens a connection to the flow's target, as plain as the server's are.
func (p path) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	d.SetMultipathTCP(false)
	return d.DialContext(ctx, "tcp", netip.AddrPortFrom(p.flow.Target.Addr().Unmap(), p.flow.Target.Port()).String())
}

// wallAt converts a monotonic time to a time.Time for timers and deadlines.
func wallAt(t int64) time.Time { return time.Now().Add(time.Duration(t - Now())) }

// sleepUntil waits for a monotonic time; false when ctx was done first.
func sleepUntil(ctx context.Context, t int64) bool {
	d := time.Duration(t - Now())
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
