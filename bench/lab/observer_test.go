package lab

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func TestParseArrival(t *testing.T) {
	v4 := make([]byte, 28)
	v4[0], v4[9] = 0x45, 17
	copy(v4[12:], []byte{10, 244, 1, 2})
	binary.BigEndian.PutUint16(v4[22:], 4711)
	v6 := make([]byte, 60)
	v6[0], v6[6] = 0x60, 6
	source6 := netip.MustParseAddr("fd00:244:1::2").As16()
	copy(v6[8:], source6[:])
	binary.BigEndian.PutUint16(v6[42:], 4712)
	for name, c := range map[string]struct {
		packet []byte
		want   arrival
		ok     bool
	}{
		"UDP":          {v4, arrival{netip.MustParseAddr("10.244.1.2"), 4711}, true},
		"TCP over v6":  {v6, arrival{netip.MustParseAddr("fd00:244:1::2"), 4712}, true},
		"cut":          {v4[:22], arrival{}, false},
		"empty":        {nil, arrival{}, false},
		"long options": {append([]byte{0x4f}, v4[1:]...), arrival{}, false},
		"ARP":          {make([]byte, 40), arrival{}, false},
	} {
		got, ok := parseArrival(c.packet)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}

func FuzzParseArrival(f *testing.F) {
	f.Add([]byte{0x45})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := parseArrival(b); ok && !a.source.IsValid() {
			t.Error("a packet from nowhere")
		}
	})
}
