package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// device is an end of a relay in memory.
type device struct {
	in, out chan []byte
	closed  chan struct{}
	fails   bool
}

func newDevice() *device {
	return &device{in: make(chan []byte, 3*queue), out: make(chan []byte, 3*queue), closed: make(chan struct{})}
}

func (d *device) Read(b []byte) (int, error) {
	select {
	case f := <-d.in:
		return copy(b, f), nil
	case <-d.closed:
		return 0, io.EOF
	}
}

func (d *device) Write(b []byte) (int, error) {
	if d.fails {
		return 0, errors.New("down")
	}
	d.out <- append([]byte(nil), b...)
	return len(b), nil
}

func (d *device) Close() error { close(d.closed); return nil }

func number(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// Frames come so much later, in their order, both ways; what shall not wait does not.
func TestRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newDevice(), newDevice()
		const late = 50 * time.Millisecond
		r := NewRelay(a, b, func(f []byte) time.Duration {
			if len(f) == 1 {
				return 0
			}
			return late
		})
		defer r.Close()
		for _, way := range [][2]*device{{a, b}, {b, a}} {
			begin := time.Now()
			for n := range 100 {
				way[0].in <- number(n)
			}
			way[0].in <- []byte{0}
			if f := <-way[1].out; len(f) != 1 || time.Since(begin) != 0 {
				t.Errorf("first came %d bytes after %v, want the urgent one at once", len(f), time.Since(begin))
			}
			for n := range 100 {
				if got := binary.BigEndian.Uint32(<-way[1].out); got != uint32(n) {
					t.Fatalf("frame %d came in place of %d", got, n)
				}
				if time.Since(begin) != late {
					t.Fatalf("frame %d came after %v, want %v", n, time.Since(begin), late)
				}
			}
		}
		if r.Dropped() != 0 {
			t.Errorf("%d were dropped", r.Dropped())
		}
	})
}

// A queue is bounded, and what does not fit is counted.
func TestRelayDropsWhatDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newDevice(), newDevice()
		r := NewRelay(a, b, func([]byte) time.Duration { return time.Second })
		for n := range 2 * queue {
			a.in <- number(n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := int64(len(b.out)); got+r.Dropped() != 2*queue || got < queue || r.Dropped() == 0 {
			t.Errorf("%d came and %d were dropped of %d", got, r.Dropped(), 2*queue)
		}
		b.fails = true
		a.in <- number(0)
		before := r.Dropped()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if r.Dropped() != before+1 {
			t.Error("what could not be written is not counted")
		}
		a.in <- number(1) // waits when the relay ends
		synctest.Wait()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
