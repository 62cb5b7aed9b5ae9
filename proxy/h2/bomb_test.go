package h2

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Header blocks that cost more than their bytes, or have no end.

// CVE-2024-27316, CVE-2023-45288 (Go), CVE-2024-28182 (nghttp2), CVE-2024-30255 (Envoy),
// VU#421644: a header block that goes on for ever, with and without bytes in it.
func TestContinuationFlood(t *testing.T) {
	for name, part := range map[string][]byte{"with bytes": bytes.Repeat([]byte("\x00\x01a\x01b"), 3000), "empty": nil} {
		for where, id := range map[string]uint32{"open stream": 1, "closed stream": 3} {
			t.Run(name+", "+where, func(t *testing.T) {
				bothEnds(t, Options{}, func(t *testing.T, s *scene) {
					s.must(s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id}))
					s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error { return s.fr.WriteContinuation(id, false, part) })
				})
			})
		}
	}
}

// The longest blocks that are within the limits, one after another.
func TestLargestBlocks(t *testing.T) {
	s := accepting(t, Options{}, reject)
	block := append(bytes.Clone(connectBlock), bytes.Repeat([]byte("\x10\x01a\x01b"), 12_000)...) // never indexed
	s.bears(100, func(i uint32) error { return s.send(i, block, 4000) })
}

func reject(in tunnel.Incoming) { _ = in.Reject(hbone.StatusBadRequest) }

// send opens the i-th stream of the hostile peer with this block, cut into pieces.
func (s *scene) send(i uint32, block []byte, piece int) error {
	id := 5 + 2*i
	first, rest := block[:min(piece, len(block))], block[min(piece, len(block)):]
	err := s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndHeaders: len(rest) == 0, EndStream: true})
	for err == nil && len(rest) > 0 {
		n := min(piece, len(rest))
		err = s.fr.WriteContinuation(id, n == len(rest), rest[:n])
		rest = rest[n:]
	}
	return err
}

// bombs are blocks that decode to much more than they are, or to nothing. The first one
// of a connection may prepare the HPACK table for the others.
var bombs = map[string]struct{ first, unit string }{
	// CVE-2019-9516, "0-length headers leak".
	"empty names and values":      {unit: "\x00\x00\x00"},
	"empty names, Huffman coded":  {unit: "\x00\x80\x80"},
	"empty values, never indexed": {unit: "\x10\x01a\x00"},
	// CVE-2016-6581, "HPACK bomb": one entry as large as the table, named 60,000 times.
	"a large entry named often": {
		first: "\x40\x01a\x7f\xa1\x1e" + strings.Repeat("z", 4000),
		unit:  "\xbe",
	},
	"static entries":      {unit: "\x82"},
	"entries that evict":  {unit: "\x40\x01a\x7f\x80\x01" + strings.Repeat("z", 255)},
	"updates of the size": {unit: "\x20"},
	"updates up and down": {unit: "\x20\x3f\xe1\x1f"},
	// CVE-2022-41723: Huffman codes that are long to decode.
	"Huffman codes": {unit: huffman(strings.Repeat("\x01", 4000))},
}

func huffman(value string) string {
	b := hpack.AppendHuffmanString(nil, value)
	n := len(b) - 127
	return string([]byte{0x00, 0x01, 'a', 0xff, byte(n) | 0x80, byte(n>>7) | 0x80, byte(n >> 14)}) + string(b)
}

// Whatever a block decodes to, it costs what its bytes cost, and streams that hold
// theirs for ever hold no more than the limit.
func TestHeaderBombs(t *testing.T) {
	for name, b := range bombs {
		for how, h := range map[string]tunnel.Handler{"rejected": reject, "held": idle} {
			t.Run(name+", "+how, func(t *testing.T) {
				s := accepting(t, Options{MaxStreams: 100}, h)
				if b.first != "" {
					s.must(s.send(0, []byte(b.first), 16_000))
				}
				block := bytes.Repeat([]byte(b.unit), 60_000/len(b.unit))
				s.bears(40, func(i uint32) error { return s.send(i+1, block, 16_000) })
			})
		}
	}
}

// The same in answers: a malformed one costs its stream.
func TestHeaderBombsInAnswers(t *testing.T) {
	for name, b := range bombs {
		t.Run(name, func(t *testing.T) {
			s := dialling(t, Options{})
			if b.first != "" {
				s.must(s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: []byte(b.first), EndHeaders: true}))
			}
			block := bytes.Repeat([]byte(b.unit), 15_000/len(b.unit))
			s.bears(100, func(i uint32) error {
				return s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block, EndHeaders: true})
			})
		})
	}
}

// What cannot be decoded ends the tunnel: the tables of both ends differ from there on.
func TestBlocksThatCannotBeDecoded(t *testing.T) {
	for name, block := range map[string]string{
		"a table larger than ours":         "\x3f\xe2\x1f",
		"a table of 4 GiB":                 "\x3f\xff\xff\xff\xff\x0f",
		"an integer without end":           "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"an entry that is not there":       "\xff\x7f",
		"entry 0":                          "\x80",
		"an update behind a field":         "\x40\x01a\x01b\x20",
		"a string longer than its block":   "\x00\x7f\xff\x7f",
		"a string longer than a list":      "\x00\x7f\xff\xff\x7f" + strings.Repeat("z", 100),
		"Huffman padding of a whole octet": "\x00\x82\x1f\xff\x01a",
		"Huffman end of string":            "\x00\x84\xff\xff\xff\xff\x01a",
	} {
		t.Run(name, func(t *testing.T) {
			bothEnds(t, Options{}, func(t *testing.T, s *scene) {
				s.ends(http2.ErrCodeCompression, func(i uint32) error {
					return s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block), EndHeaders: true})
				})
			})
		})
	}
}

// Interim answers without end.
func TestInterimAnswerFlood(t *testing.T) {
	s := dialling(t, Options{})
	s.ask()
	s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error {
		return s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 5, BlockFragment: []byte("\x08\x03103"), EndHeaders: true})
	})
}
