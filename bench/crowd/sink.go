package crowd

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	chunk   = 16 << 10
	breath  = 20 * time.Millisecond // between the portions of a paced connection
	noSlots = 10 * time.Millisecond // after a failed accept
)

// Sink is the other end of a crowd: it sends.
type Sink struct {
	Each int64 // bytes that every connection is sent; 0: as many as are taken
	Pace int64 // bytes per second that every connection is sent at most; 0: as many as are taken
}

// Run serves l until ctx is done, and closes it.
func (s Sink) Run(ctx context.Context, l net.Listener) error {
	var all sync.WaitGroup
	defer all.Wait()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		c, err := l.Accept()
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil { // out of descriptors
			pause(ctx, noSlots)
			continue
		}
		all.Go(func() { s.pour(ctx, c) })
	}
}

// nothings is what everybody is sent; of so many connections none has a buffer of its own.
var nothings [chunk]byte

// pour sends what is owed and waits for the end.
func (s Sink) pour(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	portion := max(1, s.Pace*int64(breath)/int64(time.Second))
	rest := portion
	for sent := int64(0); s.Each == 0 || sent < s.Each; {
		n, err := c.Write(nothings[:s.next(sent)])
		if err != nil {
			return
		}
		sent += int64(n)
		for rest -= int64(n); s.Pace > 0 && rest <= 0 && ctx.Err() == nil; rest += portion {
			pause(ctx, breath)
		}
	}
	var b [1]byte
	_, _ = c.Read(b[:]) // nobody sends: it returns when the other end has gone
}

// next is how much is sent at a time.
func (s Sink) next(sent int64) int64 {
	if s.Each == 0 {
		return chunk
	}
	return min(chunk, s.Each-sent)
}
