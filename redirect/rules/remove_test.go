package rules

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// dump writes all of nftables, ip rules and routes of the pod, byte by byte.
func (w *world) dump() []string {
	w.Helper()
	var lines []string
	w.must(w.A.Do(func() error {
		for name, kind := range map[string]int{"table": unix.NFT_MSG_GETTABLE, "chain": unix.NFT_MSG_GETCHAIN, "rule": unix.NFT_MSG_GETRULE} {
			req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|kind, unix.NLM_F_DUMP)
			req.AddData(&nl.Nfgenmsg{})
			messages, err := req.Execute(unix.NETLINK_NETFILTER, 0)
			if err != nil {
				return err
			}
			for _, m := range messages {
				m[2], m[3] = 0, 0 // res_id counts the changes that there have been
				lines = append(lines, fmt.Sprintf("nft %s %q", name, m))
			}
		}
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			rules, err := netlink.RuleList(family)
			if err != nil {
				return err
			}
			routes, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
			if err != nil {
				return err
			}
			for _, r := range rules {
				lines = append(lines, fmt.Sprintf("rule %d %s", family, ruleWords(r)))
			}
			for _, r := range routes {
				if r.Dst != nil && (r.Dst.IP.IsLinkLocalUnicast() || r.Dst.IP.IsMulticast()) {
					continue // the kernel's own, which come when it has seen that nobody else has the address
				}
				lines = append(lines, fmt.Sprintf("route %d %v", family, r))
			}
		}
		return nil
	}))
	slices.Sort(lines)
	return lines
}

// furnish gives the pod rules of its own, some of them close to ours.
func (w *world) furnish() {
	w.Helper()
	other := table{name: "other", chains: []chain{{
		name: "output", kind: nftables.ChainTypeNAT, hook: nftables.ChainHookOutput, priority: nftables.ChainPriorityNATDest,
		rules: []rule{newRule("somebody else's", oifIs("eth1"), accept())},
	}}}
	w.edit(func(k *kernel) {
		w.must(k.put(StepTable, other))
		r := ipv4.rule()
		r.Mark, r.Priority, r.Table = 0x222, 100, 101
		w.must(k.ip.RuleAdd(r))
		_, dst, err := net.ParseCIDR("192.0.2.0/24")
		w.must(err)
		w.must(k.ip.RouteAdd(&netlink.Route{Dst: dst, LinkIndex: 1, Table: replyTable, Scope: unix.RT_SCOPE_LINK}))
	})
}

func TestRemoveLeavesNothing(t *testing.T) {
	for name, happens := range map[string]func(*world){
		"install": func(w *world) { w.install(node) },
		"move":    func(w *world) { w.install(node); w.install(sidecar) },
		"release": func(w *world) { w.install(node); w.must(Release(w.A)) },
		"nothing": func(w *world) {},
		"remove":  func(w *world) { w.install(node); w.must(Remove(w.Context(), w.A)) },
		"closed door": func(w *world) {
			w.install(node)
			w.edit(func(k *kernel) { w.must(k.put(StepTable, guardTable(true))) })
		},
		"capture table deleted":   func(w *world) { w.install(node); deleteTables(captureName)(w) },
		"all but capture deleted": func(w *world) { w.install(node); deleteTables(keepName, guardName)(w) },
		"all but guard deleted":   func(w *world) { w.install(node); deleteTables(captureName, keepName)(w) },
		"all tables deleted":      func(w *world) { w.install(node); deleteTables(ourTables...)(w) },
		"ip rules deleted":        func(w *world) { w.install(node); w.edit(func(k *kernel) { w.must(k.deleteRoutes()) }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.furnish()
			before := w.dump()
			happens(w)
			w.must(Remove(t.Context(), w.A))
			if diff := cmp.Diff(before, w.dump()); diff != "" {
				t.Errorf("before and after:\n%s", diff)
			}
		})
	}
}

func TestFailedInstallLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	w.must(w.A.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetDown(lo)
	}))
	before := w.dump()
	var failed *Error
	if err := Install(w.A, node); !errors.As(err, &failed) || failed.Step != StepRoute {
		t.Errorf("install with lo down: %v", err)
	}
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Errorf("before and after:\n%s", diff)
	}
}

func TestRemoveWaitsForConnectionsToEnd(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	app := w.listen(w.A, 8080)
	legs := w.legsBy(w.listen(w.A, node.Ports.Outbound), app)
	removed := make(chan error, 1)
	go func() { removed <- Remove(t.Context(), w.A) }()
	w.until("capture is released", func() bool { return !w.has(captureName) })
	// The door is open as long as anything is waited for.
	late := w.deliver(w.B4, netip.AddrPortFrom(w.A4, 8080))
	legs = append(legs, leg{"late reply", w.accept(app), late})
	for i, l := range legs {
		w.send(l.app, l.proxy, "MARKER-meanwhile")
		w.captured(len(legs) - i)
		// One direction after the other, as connections end.
		w.must(l.app.CloseWrite())
		w.eof(l.proxy)
		w.captured(len(legs) - i)
		w.send(l.proxy, l.app, "half-closed")
		w.must(l.proxy.Close())
		w.eof(l.app)
		w.must(l.app.Close())
	}
	w.must(<-removed)
	w.secret("MARKER")
	if w.has(keepName) || w.has(guardName) {
		t.Error("tables are left")
	}
}

func (w *world) has(name string) bool {
	w.Helper()
	k, err := openKernel(w.A)
	w.must(err)
	defer k.close()
	ts, err := k.nft.ListTables()
	w.must(err)
	return slices.ContainsFunc(ts, func(t *nftables.Table) bool { return t.Name == name })
}

func (w *world) eof(c *net.TCPConn) {
	w.Helper()
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		w.Fatalf("read %v, want EOF", err)
	}
}

// Both ends of every kind of captured connection see a reset, and a context
// that has ended already means that nothing is waited for.
func TestRemoveCutsAtItsDeadline(t *testing.T) {
	w := newWorld(t)
	w.install(sidecar)
	outbound, plaintext, hbone := w.proxy(sidecar)
	legs := w.legsBy(outbound, w.listen(w.A, 8080))
	for _, s := range w.sides() {
		for port, l := range map[uint16]*net.TCPListener{8081: plaintext, redirect.HBONEPort: hbone} {
			c := w.dial(w.B, s.pod, port)
			legs = append(legs, leg{s.name + " from outside", c, w.accept(l)})
		}
	}
	w.captured(len(legs))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.must(Wait(ctx, w.A)) // who only waits cuts nothing
	w.captured(len(legs))
	w.must(Remove(ctx, w.A))
	w.captured(0)
	w.must(Wait(t.Context(), w.A))
	for _, l := range legs {
		for _, c := range []*net.TCPConn{l.app, l.proxy} {
			_, err := c.Read(make([]byte, 1))
			if !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, unix.ECONNABORTED) {
				t.Errorf("%s: %v sees %v, want a reset", l.name, c.LocalAddr(), err)
			}
		}
	}
	w.secret("MARKER")
}

// What somebody has broken must not make removal leak.
func TestReleaseAndRemoveOfBrokenCaptureLeakNothing(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	legs := w.legs()
	deleteTables(keepName, guardName)(w)
	w.must(Release(w.A))
	for _, l := range legs {
		w.send(l.app, l.proxy, "MARKER-released")
	}
	deleteTables(keepName)(w)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.must(Remove(ctx, w.A))
	for _, l := range legs {
		if _, err := l.app.Write([]byte("MARKER-removed")); err == nil {
			t.Errorf("%s survived", l.name)
		}
	}
	w.secret("MARKER")
}

// A proxy that does not stop delivering to an application that speaks first:
// deliveries that begin at any moment of removal.
func TestRemoveUnderDeliveriesLeaksNothing(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		w.removeUnderDeliveries()
	}
	w.secret("MARKER")
}

func (w *world) removeUnderDeliveries() {
	w.install(node)
	app := newTalker(w)
	defer app.stop()
	var served atomic.Int64
	var ended atomic.Bool
	var proxies sync.WaitGroup
	for range 3 {
		proxies.Go(func() { deliverUntil(w, &ended, &served) })
	}
	defer proxies.Wait()
	defer ended.Store(true)
	w.until("deliveries are made", func() bool { return served.Load() > 20 })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	w.must(Remove(ctx, w.A))
}

func deliverUntil(w *world, ended *atomic.Bool, served *atomic.Int64) {
	for !ended.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		c, err := w.A.Dial(ctx, netns.DialOptions{
			Remote: netip.AddrPortFrom(w.A4, 8080), Source: w.B4, Transparent: true, Mark: redirect.MarkProxy,
		})
		cancel()
		if err != nil {
			continue // removal is under way
		}
		c.SetDeadline(time.Now().Add(hang))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			served.Add(1)
		}
		c.SetLinger(0)
		c.Close()
	}
}

// A talker is an application that speaks as soon as somebody connects.
type talker struct {
	l     *net.TCPListener
	conns sync.WaitGroup
}

func newTalker(w *world) *talker {
	w.Helper()
	l, err := w.A.Listen(netns.ListenOptions{Port: 8080})
	w.must(err)
	a := &talker{l: l}
	a.conns.Go(a.serve)
	return a
}

func (a *talker) serve() {
	for {
		c, err := a.l.AcceptTCP()
		if err != nil {
			return
		}
		a.conns.Go(func() { talk(c) })
	}
}

func talk(c *net.TCPConn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(hang))
	for {
		if _, err := c.Write([]byte("MARKER-talk ")); err != nil {
			return
		}
	}
}

func (a *talker) stop() {
	a.l.Close()
	a.conns.Wait()
}

// A keeper's knock that nobody accepted stays in the backlog, and holds nothing up.
func TestAKnockIsNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	_, _, hbone := w.proxy(node)
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), redirect.HBONEPort)
	w.must(w.dialWith(w.A, netns.DialOptions{Remote: to, Source: redirect.Knock, Mark: redirect.MarkProxy}).Close())
	w.captured(0)
	w.dialWith(w.A, netns.DialOptions{Remote: to, Source: redirect.Probe, Mark: redirect.MarkProxy}) // the control
	w.captured(1)
	w.must(hbone.Close())
	w.must(Remove(t.Context(), w.A))
}
