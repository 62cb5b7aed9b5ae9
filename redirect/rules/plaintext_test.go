package rules

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// These tests look for bytes of captured connections on the wire (I1, I7).
// Each has its control, which finds them: what a sniffer does not see proves
// something only when it is known to see.

// A leg is one captured connection whose application end is about to speak.
type leg struct {
	name       string
	app, proxy *net.TCPConn // bytes that the application sends arrive at the proxy
}

// legs opens one outbound connection and one delivery in each address family:
// in the first the application's request must stay off the wire, in the second
// its reply.
func (w *world) legs() []leg {
	w.Helper()
	return w.legsBy(w.listen(w.A, node.Ports.Outbound), w.listen(w.A, 8080))
}

// legsBy uses listeners of proxy and application that are there already.
func (w *world) legsBy(outbound, app *net.TCPListener) []leg {
	w.Helper()
	var ls []leg
	for _, s := range w.sides() {
		request := w.dial(w.A, s.peer, 8080)
		ls = append(ls, leg{s.name + " request", request, w.accept(outbound)})
		delivery := w.deliver(s.peer, netip.AddrPortFrom(s.pod, 8080))
		ls = append(ls, leg{s.name + " reply", w.accept(app), delivery})
	}
	for _, l := range ls {
		w.send(l.app, l.proxy, "MARKER-first")
		w.send(l.proxy, l.app, "and back")
	}
	w.secret("MARKER-first")
	return ls
}

// edit changes the rules behind the package's back.
func (w *world) edit(change func(*kernel)) {
	w.Helper()
	k, err := openKernel(w.A)
	w.must(err)
	defer k.close()
	change(k)
	w.must(k.nft.Flush())
}

func inet(name string) *nftables.Table {
	return &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
}

func deleteTables(names ...string) func(*world) {
	return func(w *world) {
		w.edit(func(k *kernel) {
			for _, n := range names {
				k.nft.DelTable(inet(n))
			}
		})
	}
}

// What may happen to the redirecting table while connections are open: they stay
// with the proxy, in both directions.
func TestCapturedConnectionsStayCaptured(t *testing.T) {
	for name, happens := range map[string]func(*world){
		"nothing":            func(*world) {},
		"release":            func(w *world) { w.must(Release(w.A)) },
		"release twice":      func(w *world) { w.must(Release(w.A)); w.must(Release(w.A)) },
		"install again":      func(w *world) { w.install(node) },
		"move":               func(w *world) { w.install(sidecar) },
		"move there, back":   func(w *world) { w.install(sidecar); w.install(node) },
		"table flushed":      func(w *world) { w.edit(func(k *kernel) { k.nft.FlushTable(inet(captureName)) }) },
		"table deleted":      deleteTables(captureName),
		"guard deleted":      deleteTables(captureName, guardName),
		"release, recapture": func(w *world) { w.must(Release(w.A)); w.install(sidecar) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.install(node)
			legs := w.legs()
			happens(w)
			for _, l := range legs {
				w.send(l.app, l.proxy, "MARKER-after")
				w.send(l.proxy, l.app, "and back")
			}
			w.captured(len(legs))
			w.secret("MARKER")
		})
	}
}

// With nothing left to keep translation going, the guard drops.
func TestGuardDropsWhatIsNoLongerKept(t *testing.T) {
	for name, happens := range map[string]func(*world){
		"keep deleted": deleteTables(captureName, keepName),
		"keep flushed": func(w *world) {
			w.edit(func(k *kernel) { k.nft.FlushTable(inet(keepName)); k.nft.DelTable(inet(captureName)) })
		},
		"ip rules deleted": func(w *world) { w.edit(func(k *kernel) { w.must(k.deleteRoutes()) }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.install(node)
			legs := w.legs()
			happens(w)
			for _, l := range legs {
				_, err := l.app.Write([]byte("MARKER-after"))
				w.must(err)
			}
			for _, l := range legs {
				w.until(l.name+" was sent", func() bool { return w.triedAgain(l.app) || w.received(l.proxy) })
			}
			w.secret("MARKER")
		})
	}
}

// triedAgain reports whether bytes were dropped and the kernel has tried to send
// them once more. To TCP a drop on the way out is a full device, which it
// probes, and no retransmission.
func (w *world) triedAgain(c *net.TCPConn) bool {
	state := w.tcpInfo(c)
	return state.Probes > 0 || state.Total_retrans > 0
}

func (w *world) tcpInfo(c *net.TCPConn) *unix.TCPInfo {
	w.Helper()
	raw, err := c.SyscallConn()
	w.must(err)
	var state *unix.TCPInfo
	w.must(raw.Control(func(fd uintptr) { state, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }))
	w.must(err)
	return state
}

func (w *world) received(c *net.TCPConn) bool {
	w.Helper()
	raw, err := c.SyscallConn()
	w.must(err)
	n := 0
	w.must(raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }))
	w.must(err)
	return n > 0
}

// Conntrack forgets the connections, and each application sends its last bytes
// and FIN in one packet: that is no new connection, and not translated.
func TestGuardDropsWhatConntrackDoesNotKnow(t *testing.T) {
	for name, guarded := range map[string]bool{"guarded": true, "control": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.install(node)
			legs := w.legs()
			if !guarded {
				deleteTables(guardName)(w)
			}
			w.edit(func(k *kernel) { w.must(k.ip.ConntrackTableFlush(netlink.ConntrackTable)) })
			for _, l := range legs {
				marker := "MARKER-" + l.name
				w.lastWords(l.app, marker)
				if !guarded {
					w.public(marker)
				}
			}
			if !guarded {
				return
			}
			for _, l := range legs {
				w.until(l.name+" was sent", func() bool { return w.triedAgain(l.app) })
			}
			w.secret("MARKER")
		})
	}
}

// lastWords sends text and FIN in one packet.
func (w *world) lastWords(c *net.TCPConn, text string) {
	w.Helper()
	raw, err := c.SyscallConn()
	w.must(err)
	w.must(raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1) }))
	w.must(err)
	_, err = c.Write([]byte(text))
	w.must(err)
	w.must(c.CloseWrite())
}

// The control: without keep and guard, the same bytes are found on the wire.
func TestWithoutKeepAndGuardBytesLeak(t *testing.T) {
	for name, happens := range map[string]func(*world){
		"all tables deleted": deleteTables(captureName, keepName, guardName),
		"ruleset flushed":    func(w *world) { w.edit(func(k *kernel) { k.nft.FlushRuleset() }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.install(node)
			legs := w.legs()
			happens(w)
			for _, l := range legs {
				marker := "MARKER-" + l.name
				_, err := l.app.Write([]byte(marker))
				w.must(err)
				w.public(marker)
			}
		})
	}
}

// The other control: what was never captured is found.
func TestUncapturedBytesAreSeen(t *testing.T) {
	w := newWorld(t)
	direct := w.listen(w.B, 8080)
	for _, s := range w.sides() {
		c := w.dial(w.A, s.peer, 8080)
		e := w.accept(direct)
		w.send(c, e, "MARKER-request "+s.name)
		w.send(e, c, "MARKER-reply "+s.name)
		w.public("MARKER-request " + s.name)
		w.public("MARKER-reply " + s.name)
	}
}

// Applications write all the time while capture is removed and the deadline
// cuts their connections.
func TestRemoveLeaksNothing(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	legs := w.legs()
	ended := make(chan error, len(legs))
	for _, l := range legs {
		go writeUntilError(l.app, "MARKER-during ", ended)
		go drain(l.proxy)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	w.must(Remove(ctx, w.A))
	for range legs {
		if err := <-ended; err == nil {
			t.Error("a connection survived")
		}
	}
	w.secret("MARKER")
	w.captured(0)

	direct := w.listen(w.B, 8080)
	c := w.dial(w.A, w.B4, 8080)
	w.send(c, w.accept(direct), "MARKER-direct")
	w.public("MARKER-direct")
}

func writeUntilError(c net.Conn, text string, ended chan<- error) {
	for {
		if _, err := fmt.Fprint(c, text); err != nil {
			ended <- err
			return
		}
	}
}

func drain(c net.Conn) {
	b := make([]byte, 64<<10)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}
