package keeper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What connections of a load say: those that begin while both ends are in the mesh, and
// those that begin while one is not.
const (
	insideMesh  = "MARKER-OF-A-CONNECTION-IN-THE-MESH"
	outsideMesh = "MARKER-OF-ONE-THAT-IS-IN-PLAINTEXT"
)

// mostAtOnce bounds new connections that are under way: a machine that is slower than the
// rate makes fewer, and not all of them later.
const mostAtOnce = 256

// load is new connections at a rate, and long ones that say something twice a second.
type load struct {
	node    *node
	gate    sync.RWMutex // read while a connection begins; guards exposed
	exposed bool
	end     chan struct{}
	running sync.WaitGroup

	made, skipped, said, opened, refused, reset, other atomic.Int64
	first                                              atomic.Pointer[error]

	timing sync.Mutex
	took   []time.Duration // of those that were answered, from the dial to the echo

	long []*longLived
	age  int
}

// longLived is a connection that is not asked to end before it is renewed.
type longLived struct {
	c    net.Conn
	word string
	mu   sync.Mutex // of a word and its echo
}

func newLoad(t *testing.T, n *node, rate, long int) *load {
	t.Helper()
	if err := reusePorts(n); err != nil {
		t.Fatal(err)
	}
	l := &load{node: n, end: make(chan struct{})}
	for range long {
		l.long = append(l.long, l.open())
	}
	l.running.Go(func() { l.makeNew(time.Second / time.Duration(rate)) })
	for i := range l.long {
		l.running.Go(func() { l.keepTalking(i) })
	}
	t.Cleanup(l.stop)
	return l
}

// reusePorts has both ends use a port again a second after its connection: 500 new ones a
// second are more than the ports of a minute.
func reusePorts(n *node) error {
	reuse := func() error { return os.WriteFile("/proc/sys/net/ipv4/tcp_tw_reuse", []byte("1"), 0) }
	return errors.Join(n.A.Do(reuse), n.B.Do(reuse))
}

// expose says whether plaintext is right for what begins from now on. It returns when what
// began before has had its answer.
func (l *load) expose(v bool) {
	l.gate.Lock()
	defer l.gate.Unlock()
	l.exposed = v
}

// begin opens a connection and has its first word answered.
func (l *load) begin() *longLived {
	l.gate.RLock()
	defer l.gate.RUnlock()
	word := insideMesh
	if l.exposed {
		word = outsideMesh
	}
	began := time.Now()
	c, err := l.node.dial()
	if err == nil {
		if err = say(c, word); err != nil {
			c.Close()
		}
	}
	l.count(err)
	if err != nil {
		return nil
	}
	l.timing.Lock()
	defer l.timing.Unlock()
	l.took = append(l.took, time.Since(began))
	return &longLived{c: c, word: word}
}

func (l *load) count(err error) {
	switch {
	case err == nil:
		return
	case errors.Is(err, syscall.ECONNREFUSED):
		l.refused.Add(1)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE):
		l.reset.Add(1)
	default:
		l.other.Add(1)
	}
	l.first.CompareAndSwap(nil, &err)
}

// makeNew makes as many connections as are due at a rate, of which each says one word. A tick
// that a busy machine left out is made good by the next one.
func (l *load) makeNew(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	places := make(chan struct{}, mostAtOnce)
	for began, begun := time.Now(), time.Duration(0); ; {
		select {
		case <-l.end:
			return
		case <-tick.C:
		}
		for ; begun < time.Since(began)/every; begun++ {
			l.makeOne(places)
		}
	}
}

func (l *load) makeOne(places chan struct{}) {
	select {
	case places <- struct{}{}:
	default:
		l.skipped.Add(1)
		return
	}
	l.running.Go(func() {
		defer func() { <-places }()
		if x := l.begin(); x != nil {
			l.made.Add(1)
			x.c.Close()
		}
	})
}

func (l *load) open() *longLived {
	l.opened.Add(1)
	return l.begin()
}

// keepTalking has one of the long ones say its word.
func (l *load) keepTalking(i int) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-l.end:
			return
		case <-tick.C:
		}
		l.gate.RLock()
		x := l.long[i]
		l.gate.RUnlock()
		if x != nil {
			l.count(x.say())
			l.said.Add(1)
		}
	}
}

func (x *longLived) say() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.c == nil {
		return nil // it was renewed just now
	}
	if err := x.c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return say(x.c, x.word)
}

func (x *longLived) close() {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.c.Close()
	x.c = nil
}

// renew ends one in so many of the long connections, and opens others in their place.
func (l *load) renew(each int) {
	l.age++
	for i := range l.long {
		if i%each != l.age%each {
			continue
		}
		next := l.open()
		l.gate.Lock()
		was := l.long[i]
		l.long[i] = next
		l.gate.Unlock()
		was.close()
	}
}

// await returns when so many more new connections were made.
func (l *load) await(t *testing.T, more int64) {
	t.Helper()
	want := l.made.Load() + more
	eventually(t, "the load goes on", func() error {
		if l.made.Load() < want && l.first.Load() == nil {
			return errors.New(l.String())
		}
		return nil
	})
}

// stop ends the load: what is under way is waited for.
func (l *load) stop() {
	l.gate.Lock()
	select {
	case <-l.end:
	default:
		close(l.end)
	}
	l.gate.Unlock()
	l.running.Wait()
	for _, x := range l.long {
		x.close()
	}
	l.long = nil
}

func (l *load) String() string {
	l.timing.Lock()
	defer l.timing.Unlock()
	return fmt.Sprintf("%d new connections (%d not made in time; the slowest %v), %d long ones that said %d words; %d refused, %d reset, %d failed otherwise",
		l.made.Load(), l.skipped.Load(), slices.Max(append(l.took, 0)).Round(time.Millisecond), l.opened.Load(), l.said.Load(), l.refused.Load(), l.reset.Load(), l.other.Load())
}
