package h2

import "net"

// batcher is what lies under a tunnel's TLS, or is the record layer itself: reads that
// do not block and say so (see cork.Conn, which is one), and writes that are held until
// a whole batch is sealed. It is the seam for a record layer other than crypto/tls: that
// one would be the tunnel's net.Conn and a batcher in one.
type batcher interface {
	Batch()
	Wait() error
	Hold()
	Flush() error
}

// link is a tunnel's connection. Over one that is no batcher, a bare socket in a test
// or a peer's own TLS, reads block and each write is one.
type link struct {
	net.Conn
	under batcher // nil: none
}

func newLink(nc net.Conn) link {
	l := link{Conn: nc}
	if b, ok := nc.(batcher); ok {
		l.under = b
	} else if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		l.under, _ = t.NetConn().(batcher)
	}
	if l.under != nil {
		l.under.Batch()
	}
	return l
}

// wait blocks until there may be something to read.
func (l link) wait() error {
	if l.under == nil {
		return nil
	}
	return l.under.Wait()
}

// send writes a batch.
func (l link) send(b []byte) error {
	if l.under == nil {
		_, err := l.Write(b)
		return err
	}
	l.under.Hold()
	_, err := l.Write(b)
	if flushErr := l.under.Flush(); err == nil {
		err = flushErr
	}
	return err
}
