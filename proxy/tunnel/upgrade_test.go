package tunnel

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// upgrading is inBubble with a second dialer, of the better kind.
func upgrading(t *testing.T, d, better *dialer, f func(t *testing.T, p *Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(d.dial, PoolOptions{Upgrade: better.dial})
		f(t, p)
		p.Close()
		if s := p.Stats(); s.Keys != 0 || s.Tunnels != 0 {
			t.Errorf("left in the closed pool: %+v", s)
		}
	})
}

// A peer that announces a better transport gets a tunnel of that kind while the first one
// serves; no stream waits for it, open ones stay, the next ones are in the new one.
func TestAnAnnouncedTransportTakesOver(t *testing.T) {
	d, better := &dialer{limit: 100}, &dialer{limit: 100, takes: time.Second}
	upgrading(t, d, better, func(t *testing.T, p *Pool) {
		old := mustOpen(t, p, key(1))
		close(d.tunnels[0].better)
		mustOpen(t, p, key(1)).Close() // meanwhile, at once
		time.Sleep(time.Second + goAwaySpread)
		synctest.Wait()
		wantTunnels(t, better, 1)
		s := mustOpen(t, p, key(1))
		if n := better.tunnels[0].most; n != 1 {
			t.Errorf("%d streams in the better tunnel", n)
		}
		if at := better.tunnels[0].key.Address; at.Addr() != key(1).Address.Addr() || at.Port() != fakeBetterPort {
			t.Errorf("dialled %s", at)
		}
		if d.tunnels[0].closed || d.made() != 1 {
			t.Error("the first tunnel was closed under its stream, or dialled again")
		}
		old.Close()
		s.Close()
		time.Sleep(time.Second)
		if s := p.Stats(); s.Tunnels != 1 || s.Upgrades != 1 {
			t.Errorf("%+v, want the better tunnel alone", s)
		}
	})
}

// Where the network does not let it pass nobody notices, and attempts become rare.
func TestATransportThatDoesNotPassHarmsNobody(t *testing.T) {
	d, better := &dialer{limit: 100}, &dialer{limit: 100, takes: time.Second, err: errDial}
	upgrading(t, d, better, func(t *testing.T, p *Pool) {
		var told []error
		p.o.Stays = func(_ Key, err error) { told = append(told, err) }
		close(func() *fakeTunnel { mustOpen(t, p, key(1)).Close(); return d.tunnels[0] }().better)
		for range 600 {
			time.Sleep(time.Second)
			start := time.Now()
			mustOpen(t, p, key(1)).Close()
			if waited := time.Since(start); waited != 0 {
				t.Fatalf("a stream waited %s", waited)
			}
		}
		wantTunnels(t, d, 1)
		if better.dials < 8 || better.dials > 20 {
			t.Errorf("%d attempts in ten minutes", better.dials)
		}
		if len(told) != 1 || !errors.Is(told[0], errDial) {
			t.Errorf("told %v, want the reason once", told)
		}
	})
}

// Who finds no room at the other end asks ever more rarely, and all the same goes over once there is some.
func TestACrowdedPeerIsLeftAlone(t *testing.T) {
	d, better := &dialer{limit: 100}, &dialer{limit: 100, err: &CrowdedError{errDial}}
	upgrading(t, d, better, func(t *testing.T, p *Pool) {
		s := mustOpen(t, p, key(1))
		close(d.tunnels[0].better)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if better.dials < 8 || better.dials > 30 {
			t.Errorf("%d attempts in two hours", better.dials)
		}
		better.mu.Lock()
		better.err = nil
		better.mu.Unlock()
		time.Sleep(2 * crowdedRetry)
		wantTunnels(t, better, 1)
		s.Close()
	})
}

// A better tunnel that is lost is replaced by what passes, and the peer is heard again.
func TestALostUpgradeFallsBack(t *testing.T) {
	d, better := &dialer{limit: 100}, &dialer{limit: 100}
	upgrading(t, d, better, func(t *testing.T, p *Pool) {
		mustOpen(t, p, key(1)).Close()
		close(d.tunnels[0].better)
		time.Sleep(time.Second)
		better.mu.Lock()
		better.err = errDial
		better.mu.Unlock()
		better.tunnels[0].Close()
		synctest.Wait()
		mustOpen(t, p, key(1)).Close()
		wantTunnels(t, d, 2)
		close(d.tunnels[1].better)
		time.Sleep(time.Second)
		better.mu.Lock()
		better.err = nil
		better.mu.Unlock()
		for range 10 {
			time.Sleep(time.Second)
			mustOpen(t, p, key(1)).Close()
		}
		wantTunnels(t, better, 2)
		if s := p.Stats(); s.Tunnels != 1 || s.Upgrades != 2 {
			t.Errorf("%+v, want one tunnel, of the better kind for the second time", s)
		}
	})
}

// Nobody is upgraded who does not use it.
func TestAnUpgradeOutOfUseIsNotMade(t *testing.T) {
	d, better := &dialer{limit: 100}, &dialer{limit: 100}
	upgrading(t, d, better, func(t *testing.T, p *Pool) {
		mustOpen(t, p, key(1)).Close()
		time.Sleep(recentUse)
		close(d.tunnels[0].better)
		time.Sleep(time.Hour)
		wantTunnels(t, better, 0)
	})
}
