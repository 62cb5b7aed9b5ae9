package h2

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Arbitrary bytes from a peer: no panic, no hang (Serve and Close return, and
// they wait for every goroutine), and nothing served that is no CONNECT.

// traces are conversations to mutate; each is what one end sends after its
// preface.
func traces(first func(fr *http2.Framer, enc func(f ...string) []byte)) [][]byte {
	var out [][]byte
	for _, more := range []func(fr *http2.Framer, enc func(f ...string) []byte){
		func(fr *http2.Framer, enc func(f ...string) []byte) {
			fr.WriteData(1, false, []byte("hello"))
			fr.WriteDataPadded(1, false, []byte("hello"), make([]byte, 10))
			fr.WriteData(1, true, nil)
		},
		func(fr *http2.Framer, enc func(f ...string) []byte) {
			fr.WriteRSTStream(1, http2.ErrCodeCancel)
			fr.WriteWindowUpdate(1, 100)
			fr.WriteGoAway(1, http2.ErrCodeNo, []byte("bye"))
		},
		func(fr *http2.Framer, enc func(f ...string) []byte) {
			fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
			fr.WriteWindowUpdate(0, 1<<20)
			fr.WriteWindowUpdate(1, 1<<20)
			fr.WritePing(false, [8]byte{1})
			fr.WriteSettingsAck()
		},
		func(fr *http2.Framer, enc func(f ...string) []byte) {
			b := enc(":method", "CONNECT", ":authority", "[::1]:80", "baggage", "a=b")
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: b[:5]})
			fr.WriteContinuation(3, true, b[5:])
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 5, BlockFragment: enc(":method", "GET", ":path", "/"), EndHeaders: true, EndStream: true, PadLength: 3})
			fr.WriteRawFrame(http2.FramePushPromise, 4, 1, []byte{0, 0, 0, 2})
		},
	} {
		var b, block bytes.Buffer
		fr := http2.NewFramer(&b, nil)
		h := hpack.NewEncoder(&block)
		enc := func(f ...string) []byte {
			block.Reset()
			for i := 0; i < len(f); i += 2 {
				h.WriteField(hpack.HeaderField{Name: f[i], Value: f[i+1]})
			}
			return block.Bytes()
		}
		first(fr, enc)
		more(fr, enc)
		out = append(out, b.Bytes())
	}
	return out
}

var fuzzOptions = Options{LingerTimeout: time.Millisecond, HandshakeTimeout: time.Second, WriteTimeout: time.Second}

func FuzzServerConn(f *testing.F) {
	for _, b := range traces(func(fr *http2.Framer, enc func(f ...string) []byte) {
		fr.WriteSettings()
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: enc(":method", "CONNECT", ":authority", "10.0.0.1:80"), EndHeaders: true})
	}) {
		f.Add(b)
	}
	for _, name := range []string{"ours-ours.client", "xnet-ours.client"} {
		f.Add(trace(f, name)[len(http2.ClientPreface):])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cc, sc := net.Pipe()
		s := serve(fuzzOptions, sc, func(in tunnel.Incoming) {
			s, err := in.Accept(hbone.Header{})
			if _, bad := in.Head().Authority(); bad != nil && in.Head().RawAuthority == "" && err == nil {
				t.Errorf("accepted %+v", in.Head())
			}
			if err != nil {
				in.Reject(hbone.StatusBadRequest)
				return
			}
			io.Copy(s, s)
			s.CloseWrite()
			s.Close()
		})
		defer s.drain()
		go io.Copy(io.Discard, cc)
		io.WriteString(cc, http2.ClientPreface)
		cc.Write(b)
		cc.Close()
		s.wait(t)
	})
}

func FuzzClientConn(f *testing.F) {
	for _, b := range traces(func(fr *http2.Framer, enc func(f ...string) []byte) {
		fr.WriteSettings()
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: enc(":status", "200", "baggage", "x"), EndHeaders: true})
	}) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cc, sc := net.Pipe()
		asked := make(chan struct{}) // our CONNECT is out: stream 1 is no longer idle
		go readUntilHeaders(sc, asked)
		go func() {
			defer sc.Close()
			var first bytes.Buffer
			http2.NewFramer(&first, nil).WriteSettings()
			sc.Write(first.Bytes())
			select {
			case <-asked:
			case <-time.After(hang):
			}
			sc.Write(b)
		}()
		within(t, "the client", func() {
			tn, err := New(fuzzOptions).Client(context.Background(), cc)
			if err != nil {
				t.Errorf("greeting: %v", err)
				return
			}
			if s, _, err := tn.Open(context.Background(), target); err == nil {
				s.Write([]byte("x"))
				io.Copy(io.Discard, s)
				s.Close()
			}
			tn.Close()
		})
	})
}

// readUntilHeaders reads what the client sends, for ever, and tells of HEADERS.
func readUntilHeaders(c net.Conn, seen chan<- struct{}) {
	io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
	fr := http2.NewFramer(nil, c)
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return
		}
		if _, ok := f.(*http2.HeadersFrame); ok {
			close(seen)
			io.Copy(io.Discard, c)
			return
		}
	}
}

// The decoder alone, with what it promises about what it lets through.
func FuzzFields(f *testing.F) {
	f.Add([]byte("\x00\x07:method\x07CONNECT\x00\x0a:authority\x0b10.0.0.1:80"))
	f.Add([]byte("\x82\x84\x86\x00\x07baggage\x01x"))
	f.Add([]byte("\x3f\xe1\x1f\x88"))
	f.Fuzz(func(t *testing.T, block []byte) {
		c := newConn(nil, Options{}.resolved(), func(tunnel.Incoming) {})
		fields, err := c.decode(block)
		if err != nil {
			return
		}
		h := fields.Request()
		if h.Malformed != "" && h.RawAuthority != "" {
			t.Errorf("malformed, and yet with an authority: %+v", h)
		}
		if n := len(h.Header.Baggage) + len(h.Header.Forwarded) + len(h.Header.Traceparent) + len(h.RawAuthority); n > serverHeaders {
			t.Errorf("%d bytes passed the limit", n)
		}
		for _, v := range []string{h.RawAuthority, h.Header.Baggage, h.Header.Forwarded, h.Header.Traceparent} {
			if h.Malformed == "" && bytes.ContainsAny([]byte(v), "\r\n\x00") {
				t.Errorf("%q passed", v)
			}
		}
		fields.Answer()
	})
}
