package tunnel

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// A tunnel in use that the peer ends has its successor before anybody asks for it: a
// dial takes a second here, and the next stream takes none.
func TestAGoAwayInUseMakesASuccessor(t *testing.T) {
	d := &dialer{limit: 100, takes: time.Second}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		old := mustOpen(t, p, key(1))
		d.tunnels[0].goAway()
		time.Sleep(time.Second + goAwaySpread)
		synctest.Wait()
		wantTunnels(t, d, 2)
		start := time.Now()
		mustOpen(t, p, key(1)).Close()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the next stream waited %s", waited)
		}
		if d.tunnels[0].closed {
			t.Error("the old tunnel was closed under its stream")
		}
		old.Close()
		time.Sleep(time.Minute)
		wantTunnels(t, d, 2)
		if s := p.Stats(); s.Tunnels != 1 || s.Successors != 1 {
			t.Errorf("%+v, want the successor alone", s)
		}
	})
}

// A stream that comes before the successor joins its dial, or makes it needless.
func TestAStreamAndASuccessorShareADial(t *testing.T) {
	d := &dialer{limit: 100, takes: time.Second}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		old := mustOpen(t, p, key(1))
		defer old.Close()
		d.tunnels[0].goAway()
		closeAll(together(t, p, 10, same))
		time.Sleep(time.Minute)
		wantTunnels(t, d, 2)
	})
}

func TestAGoAwayOutOfUseMakesNothing(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		mustOpen(t, p, key(1)).Close()
		time.Sleep(recentUse)
		d.tunnels[0].goAway()
		time.Sleep(time.Hour)
		wantTunnels(t, d, 1)
	})
}

func TestCredentialsEndAfterTheirTunnel(t *testing.T) {
	d := &dialer{limit: 100, takes: time.Second, until: func() time.Time { return time.Now().Add(time.Hour) }}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		long := mustOpen(t, p, key(1))
		for minute := range 60 {
			time.Sleep(time.Minute)
			start := time.Now()
			mustOpen(t, p, key(1)).Close()
			if waited := time.Since(start); waited != 0 {
				t.Errorf("a stream waited %s, in minute %d", waited, minute)
			}
			if minute == 40 {
				wantTunnels(t, d, 1)
			}
		}
		wantTunnels(t, d, 2)
		old := d.tunnels[0]
		if old.closed || !old.draining {
			t.Errorf("the old tunnel: closed %v, drained %v; want it to end with its stream", old.closed, old.draining)
		}
		long.Close()
		synctest.Wait()
		if !old.closed {
			t.Error("the old tunnel stayed without its stream")
		}
	})
}

func TestIdleCredentialsHaveNoSuccessor(t *testing.T) {
	d := &dialer{limit: 100, until: func() time.Time { return time.Now().Add(2 * time.Minute) }}
	inBubble(t, d, func(t *testing.T, p *Pool) { // the idle timeout is five minutes
		mustOpen(t, p, key(1)).Close()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		wantTunnels(t, d, 1)
		if !d.tunnels[0].closed {
			t.Error("the tunnel outlives its credentials, without a stream")
		}
	})
}

// The CA is away: whoever dials has the old credentials, or fails. What is there goes
// on, and is not dialled again and again.
func TestASuccessorThatCannotBeHad(t *testing.T) {
	for name, spoil := range map[string]func(d *dialer){
		"the dial fails":         func(d *dialer) { d.err = errDial },
		"nothing is renewed":     func(d *dialer) {},
		"it takes no streams":    func(d *dialer) { d.limit = 0 },
		"the dial never returns": func(d *dialer) { d.takes = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			d := &dialer{limit: 100}
			inBubble(t, d, func(t *testing.T, p *Pool) {
				end := time.Now().Add(time.Hour)
				d.until = func() time.Time { return end }
				s := mustOpen(t, p, key(1))
				defer s.Close()
				d.mu.Lock()
				spoil(d)
				d.mu.Unlock()
				time.Sleep(time.Hour - time.Second)
				synctest.Wait()
				d.mu.Lock()
				dials := d.dials
				d.mu.Unlock()
				if dials < 2 || dials > 60 { // one a minute, in the time after 70 %
					t.Errorf("%d dials", dials)
				}
				start := time.Now()
				mustOpen(t, p, key(1)).Close()
				if waited := time.Since(start); waited != 0 {
					t.Errorf("a stream waited %s although a tunnel was there", waited)
				}
				time.Sleep(time.Hour)
				d.mu.Lock()
				defer d.mu.Unlock()
				if d.tunnels[0].closed {
					t.Error("the stream that was open is cut")
				}
			})
		})
	}
}

// When the credentials of a tunnel have ended a new stream needs new ones, and fails if there are none; what is open goes on.
func TestNoStreamOnExpiredCredentials(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		end := time.Now().Add(time.Hour)
		d.until = func() time.Time { return end }
		defer mustOpen(t, p, key(1)).Close()
		d.mu.Lock()
		d.err = errDial
		d.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		if s, _, err := p.Open(t.Context(), key(1), hbone.Head{}); !errors.Is(err, errDial) {
			t.Errorf("%v, %v", s, err)
		}
		if d.tunnels[0].closed {
			t.Error("the stream that was open is cut")
		}
	})
}

// The tunnels of a node were made together; their successors are not.
func TestSuccessorsAreSpread(t *testing.T) {
	const n = 200
	d := &dialer{limit: 100, until: func() time.Time { return time.Now().Add(time.Hour) }}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		defer closeAll(together(t, p, n, func(i int) Key { return key(byte(i)) }))
		time.Sleep(55 * time.Minute)
		synctest.Wait()
		wantTunnels(t, d, 2*n)
		minutes := map[time.Duration]int{}
		for _, at := range d.dialled[n:] {
			minutes[at.Sub(d.dialled[0]).Truncate(time.Minute)]++
		}
		for at, many := range minutes {
			if many > n/4 { // 12 minutes have them
				t.Errorf("%d of %d in the minute after %s", many, n, at)
			}
		}
	})
}

func TestClosingAPoolWhileASuccessorIsDialled(t *testing.T) {
	d := &dialer{limit: 100}
	inBubble(t, d, func(t *testing.T, p *Pool) {
		mustOpen(t, p, key(1))
		d.mu.Lock()
		d.takes = time.Hour
		d.mu.Unlock()
		d.tunnels[0].goAway()
		time.Sleep(time.Second)
	}) // Close returns, or the bubble deadlocks
}
