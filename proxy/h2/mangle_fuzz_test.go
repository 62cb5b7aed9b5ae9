package h2

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// FuzzBetween has our two ends converse through a middle that mangles by a script: three
// bytes say how many frames pass first, what happens to the next one, and with what.
// Both ends are in states that no trace has been in. No panic, no hang, nothing left.
func FuzzBetween(f *testing.F) {
	for what := range byte(mangles) {
		for after := range byte(16) {
			f.Add([]byte{after, what, 3 * after}, []byte{})
			f.Add([]byte{}, []byte{after, what, 5 * after})
		}
	}
	// In a bubble time passes only when both ends wait: no case waits for real, and one
	// in which both hang fails at once.
	f.Fuzz(func(t *testing.T, up, down []byte) {
		synctest.Test(t, func(t *testing.T) { between(t, up, down) })
	})
}

func between(t *testing.T, up, down []byte) {
	o := fuzzOptions
	o.OnPanic = func(p any, stack []byte) { t.Errorf("panic: %v\n%s", p, stack) }
	tr := New(o)
	cc, left := net.Pipe()
	right, sc := net.Pipe()
	var all sync.WaitGroup
	all.Go(func() { _ = tr.Serve(context.Background(), sc, converse) })
	all.Go(func() { midway(right, left, up, len(http2.ClientPreface)) })
	all.Go(func() { midway(left, right, down, 0) })
	all.Go(func() { converseAll(tr, cc) })
	all.Wait()
}

// converseAll uses the streams of the conversation; what was dropped between would make
// it wait, but for the context: a minute, by the clock of the bubble.
func converseAll(tr tunnel.Transport, cc net.Conn) {
	defer cc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tn, err := tr.Client(ctx, cc)
	if err != nil {
		return
	}
	defer tn.Close()
	var users sync.WaitGroup
	for _, authority := range []string{stays, half, broken, large, down} {
		users.Go(func() {
			s, _, err := tn.Open(ctx, headOf(authority))
			if err != nil {
				return
			}
			defer s.Close()
			stop := context.AfterFunc(ctx, func() { s.Close() })
			defer stop()
			_, _ = s.Write(make([]byte, 1000))
			_, _ = s.Read(make([]byte, 10))
			if authority == broken {
				_ = s.Reset()
				return
			}
			_ = s.CloseWrite()
			_, _ = io.Copy(io.Discard, s)
		})
	}
	users.Wait()
}

// What the middle does to a frame.
const (
	drop = iota
	double
	swapNext
	flip
	retype
	reflag
	restream
	shorten
	lengthen
	hangUp
	mangles
)

// midway carries the frames of one direction, and closes both when it ends.
func midway(to io.WriteCloser, from io.ReadCloser, script []byte, preface int) {
	defer to.Close()
	defer from.Close()
	if _, err := io.CopyN(to, from, int64(preface)); err != nil {
		return
	}
	pass := 0
	if len(script) >= 3 {
		pass = int(script[0])
	}
	for {
		f, err := nextFrame(from)
		if err != nil {
			return
		}
		if pass--; pass < 0 && len(script) >= 3 {
			if f = mangleOne(f, script[1], script[2], from); f == nil {
				return
			}
			if script = script[3:]; len(script) >= 3 {
				pass = int(script[0])
			}
		}
		if _, err := to.Write(f); err != nil {
			return
		}
	}
}

func nextFrame(r io.Reader) ([]byte, error) {
	f := make([]byte, frameHeaderSize, 512)
	if _, err := io.ReadFull(r, f); err != nil {
		return nil, err
	}
	f = append(f, make([]byte, binary.BigEndian.Uint32(f)>>8)...)
	_, err := io.ReadFull(r, f[frameHeaderSize:])
	return f, err
}

// mangleOne returns what goes on instead of f; nil: nothing any more.
func mangleOne(f []byte, what, with byte, from io.Reader) []byte {
	switch what % mangles {
	case drop:
		return []byte{}
	case double:
		return bytes.Repeat(f, 2+int(with))
	case swapNext:
		next, err := nextFrame(from)
		if err != nil {
			return nil
		}
		return append(next, f...)
	case flip:
		f[int(with)%len(f)] ^= 1 << (what / mangles % 8)
	case retype:
		f[3] = with
	case reflag:
		f[4] = with
	case restream:
		f[8] = with
	case shorten:
		n := (len(f) - frameHeaderSize) * int(with) / 256
		return sized(f, n, f[frameHeaderSize:frameHeaderSize+n])
	case lengthen:
		n := len(f) - frameHeaderSize + int(with)
		return sized(f, n, append(bytes.Clone(f[frameHeaderSize:]), make([]byte, with)...))
	case hangUp:
		return nil
	}
	return f
}
