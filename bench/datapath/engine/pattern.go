package engine

import (
	"encoding/binary"
	"fmt"
)

// What a connection's first byte says that it is.
const (
	echo   = 'E'
	upload = 'U'
)

// mark is eight bytes: a kind, and a number of 56 bits.
func mark(kind byte, n uint64) uint64 { return uint64(kind) | n<<8 }

const markSize = 8

// stamp numbers a request at both ends.
func stamp(request []byte, n uint64) {
	m := mark(echo, n)
	binary.LittleEndian.PutUint64(request, m)
	binary.LittleEndian.PutUint64(request[len(request)-markSize:], m)
}

// check compares a part of an answer, which begins at offset off of size bytes, with the
// number that its request had. Only the ends are looked at: every byte between them was
// counted, and what a proxy loses, repeats or gives to somebody else moves an end.
func check(part []byte, off, size int, n uint64) error {
	m := mark(echo, n)
	for i := off; i < min(off+len(part), markSize); i++ {
		if part[i-off] != byte(m>>(8*i)) {
			return fmt.Errorf("an answer begins with another request's bytes than those of %d", n)
		}
	}
	last := size - markSize
	for i := max(off, last); i < off+len(part); i++ {
		if part[i-off] != byte(m>>(8*(i-last))) {
			return fmt.Errorf("an answer ends with another request's bytes than those of %d", n)
		}
	}
	return nil
}

// Pages of an upload are numbered modulo ring: a client sends the same bytes over and over.
const (
	page = 4 << 10
	ring = 64
	ask  = 1<<56 - 1 // the number of the mark, between two pages, that asks for a receipt
)

// pages is what an upload sends.
func pages() []byte {
	b := make([]byte, ring*page)
	for i := range b {
		b[i] = byte(i * 7)
	}
	for i := range uint64(ring) {
		binary.LittleEndian.PutUint64(b[i*page:], mark(upload, i))
	}
	return b
}

// receipt is what the server of an upload says: how many bytes it has, the last of which
// came at a time.
type receipt struct{ bytes, at int64 }

const receiptSize = 16

func (r receipt) put(b *[receiptSize]byte) {
	binary.LittleEndian.PutUint64(b[:], uint64(r.bytes))
	binary.LittleEndian.PutUint64(b[8:], uint64(r.at))
}

func parseReceipt(b *[receiptSize]byte) receipt {
	return receipt{int64(binary.LittleEndian.Uint64(b[:])), int64(binary.LittleEndian.Uint64(b[8:]))}
}
