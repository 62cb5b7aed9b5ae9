package keyscan

import (
	"bytes"
	"math/bits"
	"slices"
)

// Forms in which a key lies in memory.
const (
	FormWords = "words" // least significant byte first, as math/big and bigmod keep it
	FormBytes = "bytes" // most significant byte first
	FormDER   = "der"   // behind 04 20, at any address
)

const (
	size     = 32 // of a scalar
	align    = 8  // of a window
	distinct = 20 // fewer different bytes in a window are passed over
)

// overlap is how much of a piece of memory must be seen again with the next one, so that
// no key is cut in two: the longest form, less a byte.
const overlap = size + len(derPrefix) - 1

// derPrefix is an OCTET STRING of 32 bytes.
const derPrefix = "\x04\x20"

// scanner is one scan: what it has tested already it does not test again, since the same
// certificates and tables lie in memory many times.
type scanner struct {
	keys   *Keys
	seen   map[[size]byte]struct{}
	tested int
	found  func(key int, form string)
}

func (k *Keys) newScanner(found func(key int, form string)) *scanner {
	return &scanner{keys: k, seen: make(map[[size]byte]struct{}), found: found}
}

// maxSeen bounds the memory of what was tested, to about 100 MiB.
const maxSeen = 1 << 20

// scan looks at memory that begins at an address which is a multiple of 8.
func (s *scanner) scan(memory []byte) {
	for at := 0; at+size <= len(memory); at += align {
		window := memory[at : at+size]
		if varied(window) {
			s.window(window)
		}
	}
	for rest, at := memory, 0; ; rest = memory[at:] {
		i := bytes.Index(rest, []byte(derPrefix))
		if i < 0 {
			return
		}
		at += i + len(derPrefix)
		// Not filtered: few strings look like this.
		if at+size <= len(memory) {
			s.test(memory[at:at+size], FormDER)
		}
	}
}

// window tests both byte orders of one.
func (s *scanner) window(window []byte) {
	if _, twice := s.seen[[size]byte(window)]; twice {
		return
	}
	if len(s.seen) >= maxSeen {
		clear(s.seen)
	}
	s.seen[[size]byte(window)] = struct{}{}
	s.test(window, FormBytes)
	reversed := slices.Clone(window)
	slices.Reverse(reversed)
	s.test(reversed, FormWords)
}

func (s *scanner) test(scalar []byte, form string) {
	s.tested++
	if key, ok := s.keys.match(scalar); ok {
		s.found(key, form)
	}
}

// varied reports whether a window has as many different bytes as a key has.
func varied(window []byte) bool {
	var set [4]uint64
	for _, b := range window {
		set[b>>6] |= 1 << (b & 63)
	}
	n := 0
	for _, word := range set {
		n += bits.OnesCount64(word)
	}
	return n >= distinct
}
