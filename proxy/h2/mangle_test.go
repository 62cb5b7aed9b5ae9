package h2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"golang.org/x/net/http2"
)

// Mangled frames. Each case is a trace with one frame changed; the changes are the same
// in every run.

// mangled is one case.
type mangled struct {
	name string
	b    []byte // without the preface
	// whole: the frames are, and the change is in a stream that is neither 1 nor the
	// connection. Then the tunnel ends by an error of its own, or stream 1 goes on.
	whole bool
}

// mangle makes the cases of a trace.
func mangle(frames [][]byte, do func(mangled)) {
	m := mangler{frames: frames, rng: rand.New(rand.NewPCG(9113, 7541)), do: do}
	for i := range frames {
		m.truncate(i)
		m.move(i)
		m.resize(i)
		m.scribble(i)
		m.rename(i)
	}
}

type mangler struct {
	frames [][]byte
	rng    *rand.Rand
	do     func(mangled)
}

// with emits the trace with frame i replaced by others.
func (m *mangler) with(i int, what string, whole bool, by ...[]byte) {
	for _, f := range append(slices.Clone(by), m.frames[i]) {
		whole = whole && len(f) >= frameHeaderSize && id(f) > 1
	}
	var b []byte
	for j, f := range m.frames {
		switch {
		case j == i:
			b = append(b, bytes.Join(by, nil)...)
		case !whole || !farewell(f):
			b = append(b, f...)
		}
	}
	m.do(mangled{fmt.Sprintf("frame %d (%v), %s", i, http2.FrameType(m.frames[i][3]), what), b, whole})
}

func id(f []byte) uint32 { return binary.BigEndian.Uint32(f[5:]) & (1<<31 - 1) }

// farewell: the end of stream 1, and of the tunnel.
func farewell(f []byte) bool {
	t := http2.FrameType(f[3])
	return t == http2.FrameGoAway || t == http2.FrameData && id(f) == 1 && f[4]&1 != 0
}

// truncate ends the connection at every byte of a frame; of a large one, at the first
// and last ones and some between.
func (m *mangler) truncate(i int) {
	before := bytes.Join(m.frames[:i], nil)
	f := m.frames[i]
	for n := 0; n < len(f); n++ {
		if n > 80 && n < len(f)-20 && n%2003 != 0 {
			continue
		}
		m.do(mangled{fmt.Sprintf("frame %d cut at %d", i, n), append(bytes.Clone(before), f[:n]...), false})
	}
}

// move leaves a frame out, sends it twice, and swaps it with the next.
func (m *mangler) move(i int) {
	f := m.frames[i]
	m.with(i, "left out", true)
	m.with(i, "twice", true, f, f)
	m.with(i, "a hundred times", true, slices.Repeat([][]byte{f}, 100)...)
	if i+1 < len(m.frames) {
		next := m.frames[i+1]
		swapped := append(append([][]byte(nil), m.frames[:i]...), next, f)
		m.do(mangled{fmt.Sprintf("frames %d and %d swapped", i, i+1), bytes.Join(append(swapped, m.frames[i+2:]...), nil), false})
	}
}

// resize makes a frame shorter and longer, with its length and without.
func (m *mangler) resize(i int) {
	f := m.frames[i]
	payload := f[frameHeaderSize:]
	for _, n := range []int{0, 1, len(payload) / 2, len(payload) - 1} {
		if n >= 0 && n < len(payload) {
			m.with(i, fmt.Sprintf("shortened to %d", n), true, sized(f, n, payload[:n]))
			m.with(i, fmt.Sprintf("cut to %d", n), false, f[:frameHeaderSize+n])
		}
	}
	for _, n := range []int{len(payload) + 1, len(payload) + 8, minFrameSize + 1, frameSize + 1} {
		if n > len(payload) {
			m.with(i, fmt.Sprintf("lengthened to %d", n), true, sized(f, n, append(bytes.Clone(payload), make([]byte, n-len(payload))...)))
		}
	}
	m.with(i, "of 16 MiB, it says", false, sized(f, 1<<24-1, payload))
}

// sized is f with another length field and payload.
func sized(f []byte, n int, payload []byte) []byte {
	g := append([]byte{byte(n >> 16), byte(n >> 8), byte(n)}, f[3:frameHeaderSize]...)
	return append(g, payload...)
}

// scribble puts random bytes into a frame.
func (m *mangler) scribble(i int) {
	for n := range 12 {
		f := bytes.Clone(m.frames[i])
		for range 1 + m.rng.IntN(4) {
			f[m.rng.IntN(len(f))] = byte(m.rng.Uint32())
		}
		same := bytes.Equal(f[:3], m.frames[i][:3])
		m.with(i, fmt.Sprintf("scribbled on, %d", n), same, f)
	}
}

// rename gives a frame other types, flags and streams.
func (m *mangler) rename(i int) {
	for _, t := range []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0xff} {
		f := bytes.Clone(m.frames[i])
		f[3] = t
		m.with(i, fmt.Sprintf("as type %d", t), true, f)
	}
	for _, flags := range []byte{0x00, 0x01, 0x04, 0x05, 0x08, 0x0d, 0x20, 0x2d, 0xff} {
		f := bytes.Clone(m.frames[i])
		f[4] = flags
		m.with(i, fmt.Sprintf("with flags %#x", flags), true, f)
	}
	for _, id := range []uint32{0, 1, 2, 3, 5, 7, 9, 11, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
		f := bytes.Clone(m.frames[i])
		binary.BigEndian.PutUint32(f[5:], id)
		m.with(i, fmt.Sprintf("on stream %d", id), true, f)
	}
}
