package proxy_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// BenchmarkLossyLink: 16 connections that ask again and again through one tunnel, over HTTP/2 and over QUIC by turns,
// while the link loses packets. It reports the 99th percentile of their answers in each round. How long each rests
// before it asks again matters: TCP finds a loss by the packets behind it, and by a timer where none come.
//
//	go test -run '^$' -bench LossyLink -benchtime 1x ./proxy
func BenchmarkLossyLink(b *testing.B) {
	const rounds = 5
	worlds := map[string]*two{"http2": newTwo(b), "quic": newTwoWith(b, withQUIC)}
	for _, w := range worlds {
		w.server.serve(b, 8080, echoApp)
	}
	worlds["quic"].overQUIC(b)
	worlds["http2"].hello(b)
	for b.Loop() {
		for _, rest := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond} {
			for _, percent := range []int{0, 1, 3} {
				all := map[string][]time.Duration{}
				for range rounds {
					for _, name := range []string{"http2", "quic"} {
						all[name] = append(all[name], worlds[name].lossy(b, percent, rest))
					}
				}
				for name, p99 := range all {
					slices.Sort(p99)
					b.Logf("rest %v, loss %d %%, %s: p99 %v [%v–%v]", rest, percent, name, p99[len(p99)/2], p99[0], p99[len(p99)-1])
					b.ReportMetric(float64(p99[len(p99)/2].Microseconds()), fmt.Sprintf("p99-us-%s-%d%%-%v", name, percent, rest))
				}
			}
		}
	}
}

// lossy asks for a while over a link that loses packets in both directions, and returns the 99th percentile.
func (w *two) lossy(t testing.TB, percent int, rest time.Duration) time.Duration {
	t.Helper()
	var conns []net.Conn
	for range 16 {
		conns = append(conns, w.client.dial(t, at(w.B4, 8080)))
	}
	for _, ns := range []*netns.Namespace{w.A, w.B} {
		defer lose(t, ns, percent)()
	}
	var mu sync.Mutex
	var took []time.Duration
	var asking sync.WaitGroup
	end := time.Now().Add(2 * time.Second)
	for _, c := range conns {
		asking.Go(func() {
			defer c.Close()
			var own []time.Duration
			for b := make([]byte, 64); time.Now().Before(end); {
				begun := time.Now()
				if _, err := c.Write(b); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(c, b); err != nil {
					t.Error(err)
					return
				}
				own = append(own, time.Since(begun))
				time.Sleep(rest)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
	}
	asking.Wait()
	slices.Sort(took)
	return took[len(took)*99/100]
}

// lose drops some of what comes to a pod, until the end.
func lose(t testing.TB, ns *netns.Namespace, percent int) (end func()) {
	t.Helper()
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "lossy"}
	change(t, ns, func(c *nftables.Conn) {
		c.AddTable(table)
		chain := c.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte("lo\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
			&expr.Numgen{Register: 1, Type: 1, Modulus: 100},
			&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4},
			&expr.Cmp{Op: expr.CmpOpLt, Register: 1, Data: binaryutil.BigEndian.PutUint32(uint32(percent))},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
	})
	return func() { change(t, ns, func(c *nftables.Conn) { c.DelTable(table) }) }
}
