package identity_test

import (
	"crypto/tls"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// BenchmarkHandshake has every way to make a tunnel's handshake in turn, a few at a time, so that what else the machine
// does meets all of them: the ratios hold when the figures do not. It counts CPU time of both ends, TCP included, and not
// the wall clock. With -count 9 the spread of the ratios is that of nine rounds.
func BenchmarkHandshake(b *testing.B) {
	p, k := newPair(b), newLink(b)
	ways := []struct {
		name string
		set  func(server, client *tls.Config)
	}{
		{"x25519", func(s, c *tls.Config) {}},
		{"x25519mlkem768", func(s, c *tls.Config) {
			identity.X25519MLKEM768.Set(s)
			identity.X25519MLKEM768.Set(c)
		}},
		{"p256", func(s, c *tls.Config) { s.CurvePreferences = []tls.CurveID{tls.CurveP256} }},
		{"resumed", func(s, c *tls.Config) {
			s.SessionTicketsDisabled, c.SessionTicketsDisabled = false, false
			c.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		}},
	}
	type configs struct{ server, client *tls.Config }
	var all []configs
	for _, w := range ways {
		c := configs{identity.ServerTLS(p.server), identity.ClientTLS(p.client, p.accept)}
		w.set(c.server, c.client)
		k.meet(b, c.server, c.client)
		all = append(all, c)
	}
	const turn = 20 // handshakes of one way before the next one's
	spent := make([]time.Duration, len(ways))
	n := 0
	for b.Loop() {
		n += turn
		for i, c := range all {
			before := cpu(b)
			for range turn {
				if s, c := k.meet(b, c.server, c.client); s.err != nil || c.err != nil {
					b.Fatal(s.err, c.err)
				}
			}
			spent[i] += cpu(b) - before
		}
	}
	for i, w := range ways {
		b.ReportMetric(float64(spent[i].Microseconds())/float64(n), w.name+"-cpu-us")
		b.ReportMetric(float64(spent[i])/float64(spent[0]), w.name+"-ratio")
	}
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
