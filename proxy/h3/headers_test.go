package h3

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
)

// TestHeadOfAFrame: what the head of HEADERS says of their length takes no memory.
func TestHeadOfAFrame(t *testing.T) {
	head := string(appendFrameHead(nil, frameHeaders, maxHeaders))
	const rounds = 100
	before := allocated()
	for range rounds {
		var broken *ConnError
		if _, err := readHeaders(strings.NewReader(head), newLimits()); !errors.As(err, &broken) || broken.Code != codeFrame {
			t.Fatal(err)
		}
	}
	if n := (allocated() - before) / rounds; n > maxHeaders/8 {
		t.Errorf("%d bytes taken for %d", n, len(head))
	}
}

// allocated is what the process has taken so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestHeadersInPieces: a block of the largest size is read whole, however it comes.
func TestHeadersInPieces(t *testing.T) {
	value := strings.Repeat("x", 40<<10)
	f, err := readHeaders(io.MultiReader(readers(headersOf(":method", "CONNECT", ":authority", "10.0.0.1:80", "baggage", value))...), newLimits())
	if err != nil {
		t.Fatal(err)
	}
	if h := f.Request(); h.Malformed != "" || h.Header.Baggage != value {
		t.Errorf("%q, and %d bytes of baggage", h.Malformed, len(h.Header.Baggage))
	}
}

// readers make text come 1,000 bytes at a time.
func readers(text string) (all []io.Reader) {
	for len(text) > 0 {
		n := min(len(text), 1000)
		all = append(all, strings.NewReader(text[:n]))
		text = text[n:]
	}
	return all
}
