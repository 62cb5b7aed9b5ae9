package h3

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// TestPacketsThatComeAsOne are read as they were sent, whatever the reader has room for.
func TestPacketsThatComeAsOne(t *testing.T) {
	for _, room := range []int{1, 3, 8, 64} {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			at, from := udp(t), udp(t)
			c, ok := takeWhole(at).(*coalesced)
			if !ok {
				t.Fatal("this kernel has no UDP_GRO")
			}
			var want []string
			for i, n := range []int{5, 1, 20} {
				var all []byte
				for k := range n {
					p := strings.Repeat(fmt.Sprintf("%d/%02d ", i, k), 200)
					if k == n-1 {
						p = p[:37] // the last may be shorter
					}
					want, all = append(want, p), append(all, p...)
				}
				sendAsOne(t, from, all, len(want[len(want)-n]), at.LocalAddr())
			}
			if err := at.SetReadDeadline(time.Now().Add(hang)); err != nil {
				t.Fatal(err)
			}
			ms := make([]ipv4.Message, room)
			for i := range ms {
				ms[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 1452)}, OOB: make([]byte, 128)}
			}
			var got []string
			for len(got) < len(want) {
				n, err := c.ReadBatch(ms, 0)
				if err != nil {
					t.Fatalf("after %d packets: %v", len(got), err)
				}
				for _, m := range ms[:n] {
					if m.Addr.String() != from.LocalAddr().String() {
						t.Errorf("from %s", m.Addr)
					}
					got = append(got, string(m.Buffers[0][:m.N]))
				}
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("packet %d is %d bytes, %.12q…, want %d, %.12q…", i, len(got[i]), got[i], len(want[i]), want[i])
				}
			}
			if err := cutUp(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// sendAsOne sends packets of a size in one system call.
func sendAsOne(t *testing.T, from *net.UDPConn, b []byte, size int, to net.Addr) {
	t.Helper()
	oob := make([]byte, unix.CmsgSpace(2))
	binary.NativeEndian.PutUint64(oob, uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(oob[8:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(oob[12:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], uint16(size))
	if _, _, err := from.WriteMsgUDP(b, oob, to.(*net.UDPAddr)); err != nil {
		t.Fatal(err)
	}
}

// FuzzSegment: whatever the kernel says beside packets, they come out whole and in order.
func FuzzSegment(f *testing.F) {
	oob := make([]byte, unix.CmsgSpace(4))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_GRO
	h.SetLen(unix.CmsgLen(4))
	binary.NativeEndian.PutUint32(oob[unix.CmsgLen(0):], 3)
	f.Add([]byte("abcdefgh"), oob)
	f.Add([]byte{}, []byte("x"))
	f.Fuzz(func(t *testing.T, packets, oob []byte) {
		c := &coalesced{whole: []ipv4.Message{{Buffers: [][]byte{packets}, N: len(packets), OOB: oob, NN: len(oob)}}}
		c.open()
		var got []byte
		for rounds := 0; len(c.whole) > 0; rounds++ {
			ms := []ipv4.Message{{Buffers: [][]byte{make([]byte, len(packets))}, OOB: make([]byte, len(oob))}}
			if n, err := c.ReadBatch(ms, 0); n != 1 || err != nil || rounds > len(packets) {
				t.Fatalf("%d packets in round %d, %v", n, rounds, err)
			}
			got = append(got, ms[0].Buffers[0][:ms[0].N]...)
		}
		if string(got) != string(packets) {
			t.Errorf("%q, want %q", got, packets)
		}
	})
}
