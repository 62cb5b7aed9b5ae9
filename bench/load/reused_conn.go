package load

import (
	"bufio"
	"context"
	"net"
)

// redial starts the one dial that may be under way.
func (r *reused) redial(ctx context.Context) {
	if r.dialing {
		return
	}
	r.dialing = true
	r.others.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, r.flow.timeout())
		defer cancel()
		c, err := r.dial(ctx)
		select {
		case r.dialed <- dialed{c, err}:
		case <-r.ended:
			if c != nil {
				c.Close()
			}
		}
	})
}

// connected takes the outcome of a dial: what waited is sent, or fails with it.
func (r *reused) connected(d dialed) {
	r.dialing = false
	waiting := r.waiting
	r.waiting = nil
	if d.err != nil {
		r.failAll(waiting, classify(d.err), Now())
		return
	}
	r.conn = d.conn
	r.others.Go(func() { r.readAll(d.conn) })
	for _, q := range waiting {
		if r.conn == nil { // lost by the write before this one
			r.waiting = append(r.waiting, q)
			continue
		}
		r.write(q)
	}
}

// readAll hands frames to run until the connection ends.
func (r *reused) readAll(c net.Conn) {
	buf := bufio.NewReaderSize(c, 4<<10)
	for {
		body, err := readFrame(buf)
		a := read{conn: c, body: append([]byte(nil), body...), at: Now(), err: err}
		select {
		case r.read <- a:
		case <-r.ended:
			return
		}
		if err != nil {
			return
		}
	}
}

// received matches an answer with the oldest request, or takes the end of the
// connection. What an earlier connection still says is nobody's.
func (r *reused) received(a read) {
	if a.conn != r.conn {
		return
	}
	if a.err != nil {
		r.lose(classify(a.err), a.at)
		return
	}
	if len(r.sent) == 0 { // an answer to nothing: the stream cannot be trusted
		r.lose(Wrong, a.at)
		return
	}
	q := r.sent[0]
	class, peer := r.judge(q, a.body)
	if class == Wrong && peer == "" { // other bytes: what follows is out of step
		r.lose(Wrong, a.at)
		return
	}
	r.sent = r.sent[1:]
	r.finish(q, a.at, class, peer)
}

// lose ends the connection: everything outstanding fails with the cause, and the
// break has a record of its own.
func (r *reused) lose(class string, now int64) {
	r.conn.Close()
	r.conn = nil
	sent := r.sent
	r.sent = nil
	r.failAll(sent, class, now)
	r.rec.record(Record{Flow: r.flow.ID, Seq: Break, Planned: now, Sent: now, Done: now, Error: class})
}
