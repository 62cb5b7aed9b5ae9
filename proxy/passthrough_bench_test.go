package proxy

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPassthrough moves transfers of several sizes between two TCP connections, by
// buffers alone, by splice alone, and as move does it. They take turns, so the ratios hold
// when the figures do not. CPU is that of the whole path, both applications included.
func BenchmarkPassthrough(b *testing.B) {
	ways := []struct {
		name string
		move func(from, to half, src, dst *tcpLeg, n *Count) error
	}{
		{"buffered", func(from, to half, src, _ *tcpLeg, n *Count) error {
			_, err := moveBuffered(from, to, src, n, false)
			return err
		}},
		{"spliced", moveSpliced},
		{"move", func(from, to half, _, _ *tcpLeg, n *Count) error { return move(from, to, n) }},
	}
	for _, size := range []int{4 << 10, 64 << 10, 256 << 10, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			spent := make([]time.Duration, len(ways))
			times := max(1, 4<<20/size) // a turn is 4 MiB or more
			payload := make([]byte, size)
			n := 0
			for b.Loop() {
				n += times
				for i, w := range ways {
					before := processCPU(b)
					for range times {
						transfer(b, payload, w.move)
					}
					spent[i] += processCPU(b) - before
				}
			}
			for i, w := range ways {
				b.ReportMetric(float64(spent[i].Microseconds())/float64(n), w.name+"-cpu-us")
				b.ReportMetric(float64(spent[i])/float64(spent[0]), w.name+"-ratio")
			}
		})
	}
}

func transfer(b *testing.B, payload []byte, move func(from, to half, src, dst *tcpLeg, n *Count) error) {
	client, in := connected(b)
	out, server := connected(b)
	var n Count
	src, dst := TCPLeg(in).(*tcpLeg), TCPLeg(out).(*tcpLeg)
	moved := make(chan error, 1)
	go func() {
		err := move(half{src, "a"}, half{dst, "b"}, src, dst, &n)
		out.CloseWrite()
		moved <- err
	}()
	go func() { client.Write(payload); client.CloseWrite() }()
	got, err := io.Copy(io.Discard, struct{ io.Reader }{server})
	if merr := <-moved; err != nil || merr != nil || got != int64(len(payload)) {
		b.Fatal(got, err, merr)
	}
	for _, c := range []*net.TCPConn{client, in, out, server} {
		c.SetLinger(0) // no TIME_WAIT: a long run would use up the ports
		c.Close()
	}
}

func connected(b *testing.B) (dialled, accepted *net.TCPConn) {
	l := listenLoopback(b)
	defer l.Close()
	dialled, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		b.Fatal(err)
	}
	if accepted, err = l.AcceptTCP(); err != nil {
		b.Fatal(err)
	}
	return dialled, accepted
}

func processCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
