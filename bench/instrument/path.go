package instrument

import (
	"context"
	"net"
	"sync"
	"time"
)

// Path is a relay with a known delay and rate: what both tools measure.
type Path struct {
	To       string        // where every connection goes
	Delay    time.Duration // of every byte, each way
	Slow     time.Duration // Delay of every Nth connection instead
	Nth      int64         // 0: of none
	Rate     int64         // bytes per second from the far end, all connections together; 0: as many as come
	Stall    time.Duration // nothing arrives for so long …
	StallsAt time.Duration // … so long after the first connection
}

// relay is a path at work.
type relay struct {
	Path
	connections int64     // accepted; one goroutine counts
	begun       time.Time // when the first one was; set before it is carried
	mu          sync.Mutex
	free        time.Time // when the rate lets the next byte through; guarded by mu
}

const (
	portion  = 16 << 10
	underWay = 32 // portions of one direction: more than a delay here holds, and soon carried at any rate here
)

// piece is some bytes and when they may arrive.
type piece struct {
	b   []byte
	due time.Time
}

// Run serves l until ctx is done, and closes it.
func (p Path) Run(ctx context.Context, l net.Listener) {
	r := &relay{Path: p}
	var all sync.WaitGroup
	defer all.Wait()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if r.connections++; r.connections == 1 {
			r.begun = time.Now()
		}
		delay := p.Delay
		if p.Nth > 0 && r.connections%p.Nth == 0 {
			delay = p.Slow
		}
		all.Go(func() { r.join(ctx, c, delay) })
	}
}

func (r *relay) join(ctx context.Context, near net.Conn, delay time.Duration) {
	defer near.Close()
	var d net.Dialer
	far, err := d.DialContext(ctx, "tcp", r.To)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() { near.Close(); far.Close() })()
	var both sync.WaitGroup
	both.Go(func() { r.carry(far, near, delay, false) })
	both.Go(func() { r.carry(near, far, delay, true) })
	both.Wait()
}

// carry takes what comes from one end to the other, later. An end of input is carried, too.
func (r *relay) carry(to, from net.Conn, delay time.Duration, back bool) {
	pieces := make(chan piece, underWay)
	go r.take(from, pieces, delay, back)
	failed := false
	for x := range pieces { // to the end: whoever takes would wait otherwise
		if failed {
			continue
		}
		time.Sleep(time.Until(x.due))
		if _, err := to.Write(x.b); err != nil {
			failed = true
			from.Close()
		}
	}
	if t, ok := to.(*net.TCPConn); ok {
		_ = t.CloseWrite() // the other end has gone: then so has this direction
	}
}

func (r *relay) take(from net.Conn, pieces chan<- piece, delay time.Duration, back bool) {
	defer close(pieces)
	for {
		b := make([]byte, portion)
		n, err := from.Read(b)
		if n > 0 {
			due := r.stalled(time.Now().Add(delay))
			if back {
				due = r.paced(due, n)
			}
			pieces <- piece{b[:n], due}
		}
		if err != nil {
			return
		}
	}
}

// stalled is when something arrives that would have arrived then.
func (r *relay) stalled(due time.Time) time.Time {
	from := r.begun.Add(r.StallsAt)
	if until := from.Add(r.Stall); r.Stall > 0 && due.After(from) && due.Before(until) {
		return until
	}
	return due
}

// paced is when the rate lets n bytes through.
func (r *relay) paced(due time.Time, n int) time.Time {
	if r.Rate == 0 {
		return due
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free.Before(due) {
		r.free = due
	}
	r.free = r.free.Add(time.Duration(int64(n) * int64(time.Second) / r.Rate))
	return r.free
}
