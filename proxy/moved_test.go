package proxy

import (
	"net/netip"
	"sync/atomic"
	"testing"
)

// TestAMovedPeerIsJudgedWhereItIs: policies look at the address that a peer has now, also for what was
// opened before.
func TestAMovedPeerIsJudgedWhereItIs(t *testing.T) {
	before, after := netip.MustParseAddrPort("10.0.0.1:1000"), netip.MustParseAddrPort("10.0.0.2:2000")
	p := peer{remote: before, now: new(atomic.Pointer[netip.AddrPort])}
	o := &open{now: p.now}
	o.Source = before
	if got := o.connection().Source; got != before.Addr() {
		t.Errorf("judged by %s before it moved", got)
	}
	p.now.Store(&after)
	if got := o.connection().Source; got != after.Addr() {
		t.Errorf("judged by %s after it moved", got)
	}
	if got := p.moved().remote; got != after {
		t.Errorf("the next stream comes from %s", got)
	}
	fixed := &open{}
	fixed.Source = before
	if got := fixed.connection().Source; got != before.Addr() {
		t.Errorf("judged by %s without QUIC", got)
	}
}
