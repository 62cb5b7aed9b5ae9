package load

import (
	"context"
	"net"
	"sync"
	"time"
)

// reused is one long-lived connection with pipelined requests. All fields belong
// to the goroutine of run; the dial and the reader of a connection send it what
// they found.
type reused struct {
	path
	next    request   // to be planned
	conn    net.Conn  // nil: none
	sent    []request // on conn, in order, not yet answered
	waiting []request // for a dial
	dialing bool

	dialed chan dialed
	read   chan read
	ended  chan struct{}  // closed when run returns: nobody listens any more
	others sync.WaitGroup // dials and readers
	bound  context.CancelFunc
}

type dialed struct {
	conn net.Conn
	err  error
}

// read is a frame, or the error that ended the connection.
type read struct {
	conn net.Conn
	body []byte
	at   int64
	err  error
}

func newReused(p path) *reused {
	return &reused{path: p, dialed: make(chan dialed), read: make(chan read), ended: make(chan struct{})}
}

// run sends until planning is done and everything outstanding ended, or ctx is done.
func (r *reused) run(ctx, planning context.Context) {
	ctx, r.bound = context.WithCancel(ctx)
	defer r.end()
	r.next = r.plan(0)
	send := time.NewTimer(time.Until(wallAt(r.next.planned)))
	defer send.Stop()
	expire := time.NewTimer(time.Hour)
	defer expire.Stop()
	stop := planning.Done()
	for stop != nil || len(r.sent)+len(r.waiting) > 0 {
		select {
		case <-send.C:
			r.sendDue(ctx)
			send.Reset(time.Duration(r.next.planned - Now()))
		case d := <-r.dialed:
			r.connected(d)
		case a := <-r.read:
			r.received(a)
		case <-expire.C:
			r.expire(Now())
		case <-stop:
			stop = nil
			send.Stop()
		case <-ctx.Done():
			return
		}
		expire.Reset(r.untilExpiry())
	}
}

// end leaves nothing behind: the connection closed, dial and reader waited for.
func (r *reused) end() {
	close(r.ended)
	r.bound()
	if r.conn != nil {
		r.conn.Close()
	}
	r.others.Wait()
}

// sendDue sends every request whose time has come, however many those are.
func (r *reused) sendDue(ctx context.Context) {
	for now := Now(); r.next.planned <= now; r.next = r.plan(r.next.seq + 1) {
		if r.conn == nil {
			r.waiting = append(r.waiting, r.next)
			r.redial(ctx)
			continue
		}
		r.write(r.next)
	}
}

// write puts a request on the connection. It cannot block the plan: what is
// unanswered is bounded by the timeout and far smaller than a socket's buffer.
func (r *reused) write(q request) {
	q.sent = Now()
	r.sent = append(r.sent, q)
	if _, err := r.conn.Write(q.frame); err != nil {
		r.lose(classify(err), Now())
	}
}

// failAll gives requests their records.
func (r *reused) failAll(qs []request, class string, now int64) {
	for _, q := range qs {
		r.finish(q, now, class, "")
	}
}

// expire fails what nobody answered in time. An unanswered request gives up the
// connection, as an application would: its answer would come in the way of the
// next one's.
func (r *reused) expire(now int64) {
	for len(r.waiting) > 0 && r.deadline(r.waiting[0]) <= now {
		r.finish(r.waiting[0], now, Timeout, "")
		r.waiting = r.waiting[1:]
	}
	if len(r.sent) > 0 && r.deadline(r.sent[0]) <= now {
		r.lose(Timeout, now)
	}
}

// untilExpiry is the time to the next deadline. Both queues are in the order of
// their plan, so their heads expire first.
func (r *reused) untilExpiry() time.Duration {
	first := Now() + int64(time.Hour)
	if len(r.sent) > 0 {
		first = min(first, r.deadline(r.sent[0]))
	}
	if len(r.waiting) > 0 {
		first = min(first, r.deadline(r.waiting[0]))
	}
	return time.Duration(first - Now())
}
