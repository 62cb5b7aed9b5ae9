package proxy_test

import (
	"cmp"
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

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// BenchmarkLossyLink: 16 connections that each ask in a period through one tunnel, over HTTP/2 and over QUIC by turns,
// while the link loses packets. It reports quantiles of the answers in each round, from the planned send on: measured
// from the real one, a connection that stands still for 200 ms would count as one slow answer, not as all that it kept
// from being asked. Links are as short as they are within one machine, or have a way there of some milliseconds; then less is asked,
// since a connection waits for one answer before it asks again.
//
//	go test -run '^$' -bench LossyLink -benchtime 1x ./proxy
//	go test -run '^$' -bench LossyLink/late-2.5ms -benchtime 1x ./proxy
func BenchmarkLossyLink(b *testing.B) {
	for _, link := range []struct {
		late    time.Duration
		periods []time.Duration
	}{
		{0, []time.Duration{5 * time.Millisecond, 20 * time.Millisecond}},
		{500 * time.Microsecond, []time.Duration{20 * time.Millisecond}},
		{2500 * time.Microsecond, []time.Duration{20 * time.Millisecond}},
		{10 * time.Millisecond, []time.Duration{80 * time.Millisecond}},
	} {
		late := link.late
		b.Run(fmt.Sprintf("late-%v", late), func(b *testing.B) {
			worlds := map[string]*two{"http2": newTwoWith(b, stretched(b, late)), "quic": newTwoWith(b, stretched(b, late, withQUIC))}
			for _, w := range worlds {
				w.server.serve(b, 8080, echoApp)
			}
			worlds["quic"].overQUIC(b, at(worlds["quic"].B4, 8080))
			worlds["http2"].hello(b)
			for b.Loop() {
				for _, period := range link.periods {
					for _, percent := range []int{0, 1, 3} {
						compare(b, worlds, percent, period)
					}
				}
			}
		})
	}
}

// stretched has the two be some way apart.
func stretched(t testing.TB, late time.Duration, and ...func(*two)) func(*two) {
	return func(w *two) {
		if late > 0 {
			a, b := w.Stretch(t)
			r := wire.NewRelay(a, b, func([]byte) time.Duration { return late })
			t.Cleanup(func() { r.Close() })
		}
		for _, f := range and {
			f(w)
		}
	}
}

// compare takes turns.
func compare(b *testing.B, worlds map[string]*two, percent int, period time.Duration) {
	const rounds = 7
	all := map[string][]quantiles{}
	for range rounds {
		for _, name := range []string{"http2", "quic"} {
			all[name] = append(all[name], worlds[name].lossy(b, percent, period))
		}
	}
	for name, seen := range all {
		what := fmt.Sprintf("%s-%d%%-%v", name, percent, period)
		report(b, "p50-us-"+what, seen, func(q quantiles) time.Duration { return q.p50 })
		report(b, "p95-us-"+what, seen, func(q quantiles) time.Duration { return q.p95 })
		report(b, "p99-us-"+what, seen, func(q quantiles) time.Duration { return q.p99 })
	}
}

// quantiles are of one round.
type quantiles struct{ p50, p95, p99 time.Duration }

// report tells the median and the range of a quantile.
func report(b *testing.B, what string, seen []quantiles, of func(quantiles) time.Duration) {
	slices.SortFunc(seen, func(x, y quantiles) int { return cmp.Compare(of(x), of(y)) })
	median := of(seen[len(seen)/2])
	b.Logf("%s: %d [%d–%d]", what, median.Microseconds(), of(seen[0]).Microseconds(), of(seen[len(seen)-1]).Microseconds())
	b.ReportMetric(float64(median.Microseconds()), what)
}

// lossy asks for a while over a link that loses packets in both directions.
func (w *two) lossy(t testing.TB, percent int, period time.Duration) quantiles {
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
	begin := time.Now()
	for i, c := range conns {
		asking.Go(func() {
			defer c.Close()
			own, err := ask(c, begin.Add(period*time.Duration(i)/time.Duration(len(conns))), period, 3*time.Second)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
	}
	asking.Wait()
	slices.Sort(took)
	return quantiles{took[len(took)/2], took[len(took)*95/100], took[len(took)*99/100]}
}

// ask sends 64 bytes in each period and has them back; how long that took is counted from when they should have been sent.
func ask(c net.Conn, planned time.Time, period, lasts time.Duration) (took []time.Duration, err error) {
	b := make([]byte, 64)
	for end := planned.Add(lasts); planned.Before(end); planned = planned.Add(period) {
		time.Sleep(time.Until(planned))
		if _, err := c.Write(b); err != nil {
			return took, err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return took, err
		}
		took = append(took, time.Since(planned))
	}
	return took, nil
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
