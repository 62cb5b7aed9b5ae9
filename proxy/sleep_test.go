package proxy

import (
	"net"
	"runtime"
	"strings"
	"testing"
)

// asleep is how many legs sleep now.
func asleep() int {
	bed.mu.Lock()
	defer bed.mu.Unlock()
	return len(bed.asleep)
}

// copying is how many goroutines move bytes.
func copying() int {
	b := make([]byte, 16<<20) // all stacks of a thousand relays
	return strings.Count(string(b[:runtime.Stack(b, true)]), "proxy.(*relay).tryCopy")
}

// fallAsleep waits until n legs of an idle path sleep, and nobody waits for their bytes. Over QUIC a goroutine waits at
// each stream: quic-go calls nobody when bytes come.
func (p *path) fallAsleep(n int) {
	p.t.Helper()
	streams := 0
	if p.far != nil {
		streams = n
	}
	await(p.t, "the legs to fall asleep", func() bool { return asleep() == n })
	await(p.t, "their goroutines to end", func() bool { return copying() == streams })
}

// A connection that nothing came through for a while has no goroutine, and works as before:
// in both directions, more than once, and at every kind of end.
func TestAnIdleRelaySleeps(t *testing.T) {
	ends := map[string]func(t *testing.T, client, server *net.TCPConn){
		"half-close": func(t *testing.T, client, server *net.TCPConn) {
			client.CloseWrite()
			hear(t, server, "")
			say(t, server, "late")
			server.CloseWrite()
			hear(t, client, "late")
		},
		"half-close by the server": func(t *testing.T, client, server *net.TCPConn) {
			server.CloseWrite()
			hear(t, client, "")
			say(t, client, "late")
			client.CloseWrite()
			hear(t, server, "late")
		},
		"reset":               func(t *testing.T, client, server *net.TCPConn) { reset(client); wantConnReset(t, server) },
		"reset by the server": func(t *testing.T, client, server *net.TCPConn) { reset(server); wantConnReset(t, client) },
	}
	eachTunnel(t, func(t *testing.T, p *path) {
		clients, servers := map[string]*net.TCPConn{}, map[string]*net.TCPConn{}
		for name := range ends {
			clients[name], servers[name] = p.ends()
		}
		hello := func(from, to map[string]*net.TCPConn, word string) {
			for name := range ends {
				say(t, from[name], word)
				hearSome(t, to[name], word)
			}
		}
		hello(clients, servers, "a")
		p.fallAsleep(2 * len(ends))
		hello(clients, servers, "b")
		hello(servers, clients, "c")
		p.fallAsleep(2 * len(ends))
		for name, end := range ends {
			t.Run(name, func(t *testing.T) { end(t, clients[name], servers[name]) })
		}
		await(t, "everybody to be gone", func() bool { return asleep() == 0 })
	})
}

// What sleeps is cut like everything else.
func TestASleeperIsCut(t *testing.T) {
	eachTunnel(t, func(t *testing.T, p *path) {
		client, server := p.ends()
		say(t, client, "a")
		hearSome(t, server, "a")
		p.fallAsleep(2)
		p.cut()
		wantConnReset(t, client)
		await(t, "everybody to be gone", func() bool { return asleep() == 0 })
	})
}

// Hundreds that fall asleep at once wake at once, and lose nothing.
func TestManySleepers(t *testing.T) {
	eachTunnel(t, func(t *testing.T, p *path) {
		type pair struct{ client, server *net.TCPConn }
		var all []pair
		for range 300 {
			client, server := p.ends()
			all = append(all, pair{client, server})
		}
		p.fallAsleep(2 * len(all))
		for _, x := range all {
			say(t, x.client, "good morning")
		}
		for _, x := range all {
			hearSome(t, x.server, "good morning")
		}
	})
}
