package load

import (
	"bufio"
	"context"
	"net"
	"sync"
)

// spare is how many requests may be in flight beyond those that the timeout
// allows, for goroutines that are about to end.
const spare = 64

// runNew sends each request on a connection of its own.
func (p path) runNew(ctx, planning context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	slots := make(chan struct{}, int(p.flow.timeout()/p.flow.Period)+spare)
	for k := 0; ; k++ {
		q := p.plan(k)
		if !sleepUntil(planning, q.planned) {
			return
		}
		select {
		case slots <- struct{}{}:
			asking.Go(func() {
				p.ask(ctx, q)
				<-slots
			})
		default: // cannot be while deadlines hold: then the sampler is what failed
			q.sent = Now()
			p.finish(q, q.sent, Local, "")
		}
	}
}

// ask is one request from its dial to its record.
func (p path) ask(ctx context.Context, q request) {
	q.sent = Now()
	ctx, cancel := context.WithDeadline(ctx, wallAt(p.deadline(q)))
	defer cancel()
	class, peer, done := p.exchange(ctx, q)
	if context.Cause(ctx) == context.Canceled {
		return // the process is ending, nobody failed
	}
	p.finish(q, done, class, peer)
}

// exchange dials, sends and receives until ctx is done. The time is taken before
// the close, which is not part of the answer.
func (p path) exchange(ctx context.Context, q request) (class, peer string, done int64) {
	c, err := p.dial(ctx)
	if err != nil {
		return classify(err), "", Now()
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	body, err := trade(c, q)
	done = Now()
	switch {
	case err != nil && ctx.Err() != nil: // the end of ctx closed the connection
		return Timeout, "", done
	case err != nil:
		return classify(err), "", done
	}
	class, peer = p.judge(q, body)
	return class, peer, done
}

// trade writes the request and reads the body of the answer.
func trade(c net.Conn, q request) ([]byte, error) {
	if _, err := c.Write(q.frame); err != nil {
		return nil, err
	}
	return readFrame(bufio.NewReaderSize(c, 2+maxFrame))
}
