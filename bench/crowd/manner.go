package crowd

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Manner is what a client does with its connections.
type Manner string

const (
	Eager Manner = "eager" // reads what comes
	Slow  Manner = "slow"  // reads next to nothing, so that what is on its way stays wherever it is
	Mixed Manner = "mixed" // every other connection is slow
	Half  Manner = "half"  // every other sends half a ClientHello, the others nothing; none says more
)

const (
	slowRead  = 256                    // bytes that a slow reader takes at a time
	slowPause = 250 * time.Millisecond // and how long it then waits
)

// stay is one connection from its dial to its end.
type stay func(context.Context, net.Conn, *Tally) error

func (m Manner) validate() error {
	switch m {
	case Eager, Slow, Mixed, Half:
		return nil
	}
	return fmt.Errorf("crowd: manner %q: use %s, %s, %s or %s", m, Eager, Slow, Mixed, Half)
}

// of is what connection i does.
func (m Manner) of(i int) stay {
	odd := i%2 == 1
	switch {
	case m == Half && odd:
		return helloHalf
	case m == Slow, m == Mixed && odd:
		return readSlowly
	}
	return readAll // who has sent no hello has nothing to read, and waits for the end
}

func readAll(_ context.Context, c net.Conn, t *Tally) error {
	_, err := io.Copy(t, c)
	return err
}

func readSlowly(ctx context.Context, c net.Conn, t *Tally) error {
	b := make([]byte, slowRead)
	for {
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		_, _ = t.Write(b[:n]) // it only counts
		pause(ctx, slowPause)
	}
}

func helloHalf(ctx context.Context, c net.Conn, t *Tally) error {
	hello := clientHello()
	if _, err := c.Write(hello[:len(hello)/2]); err != nil {
		return err
	}
	return readAll(ctx, c, t)
}

// clientHello is the first flight of a real client, which a proxy cannot tell from any
// other until it is complete.
var clientHello = sync.OnceValue(func() []byte {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	client := tls.Client(ours, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13})
	ended := make(chan struct{})
	go func() { defer close(ended); _ = client.Handshake() }() // it fails when nobody answers
	b := make([]byte, 16<<10)
	n, _ := theirs.Read(b) // one write, one read; whatever of it came is good enough
	ours.Close()
	<-ended
	return b[:n]
})
