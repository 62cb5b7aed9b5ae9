package h3

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// frame is a frame as a peer may make it.
func frame(kind uint64, body string) string {
	return string(appendFrameHead(nil, kind, len(body))) + body
}

func uni(kind uint64, text string) string { return string(quicvarint.Append(nil, kind)) + text }

func headersOf(fields ...string) string {
	return string(appendHeaders(nil, func(e *qpack.Encoder) {
		for i := 0; i < len(fields); i += 2 {
			_ = e.WriteField(qpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		}
	}))
}

// TestHostile: what a peer must not send ends the tunnel with the code of RFC 9114.
func TestHostile(t *testing.T) {
	for name, c := range map[string]struct {
		uni, request string
		fin          bool
		code         quic.ApplicationErrorCode
	}{
		"DATA first on the control stream":  {uni: uni(uniControl, frame(frameData, "x")), code: codeNoSettings},
		"SETTINGS twice":                    {uni: uni(uniControl, frame(frameSettings, "")+frame(frameSettings, "")), code: codeUnexpected},
		"HEADERS on the control stream":     {uni: uni(uniControl, frame(frameSettings, "")+frame(frameHeaders, "")), code: codeUnexpected},
		"a setting of HTTP/2":               {uni: uni(uniControl, frame(frameSettings, "\x02\x00")), code: codeSettings},
		"a setting twice":                   {uni: uni(uniControl, frame(frameSettings, "\x06\x00\x06\x00")), code: codeSettings},
		"SETTINGS cut short":                {uni: uni(uniControl, frame(frameSettings, "\x06")), code: codeFrame},
		"a large frame on the control":      {uni: uni(uniControl, frame(frameSettings, "")+string(appendFrameHead(nil, 0x21, 1<<20))), code: codeLoad},
		"the control stream ends":           {uni: uni(uniControl, frame(frameSettings, "")), fin: true, code: codeClosedCrit},
		"a push stream":                     {uni: uni(uniPush, ""), code: codeStreamMade},
		"QPACK wants a table":               {uni: uni(uniEncoder, "\x3f\x01"), code: 0x201},
		"DATA before HEADERS":               {request: frame(frameData, "x"), code: codeUnexpected},
		"SETTINGS in a request":             {request: connect + frame(frameSettings, ""), code: codeUnexpected},
		"a frame of HTTP/2":                 {request: connect + frame(0x08, ""), code: codeUnexpected},
		"HEADERS after a CONNECT's":         {request: connect + frame(frameData, "x") + headersOf("x", "y"), code: codeUnexpected},
		"a request that ends in a frame":    {request: connect + string(appendFrameHead(nil, frameData, 5)) + "x", fin: true, code: codeFrame},
		"HEADERS that end in the middle":    {request: connect[:len(connect)-1], fin: true, code: codeFrame},
		"a reference to a dynamic table":    {request: frame(frameHeaders, "\x02\x00\x80"), code: codeDecompressed},
		"unknown frames before the HEADERS": {request: strings.Repeat(frame(0x21, strings.Repeat("x", 1000)), 70), code: codeLoad},
	} {
		t.Run(name, func(t *testing.T) {
			cq, sq, _ := loopback(t, Options{})
			s := serve(Options{}, sq, echo)
			if c.uni != "" {
				u, err := cq.OpenUniStream()
				if err != nil {
					t.Fatal(err)
				}
				_, _ = u.Write([]byte(c.uni)) // it may have been told to stop
				if c.fin {
					_ = u.Close()
				}
			}
			if c.request != "" {
				r, err := cq.OpenStream()
				if err != nil {
					t.Fatal(err)
				}
				_, _ = r.Write([]byte(c.request))
				if c.fin {
					_ = r.Close()
				}
			}
			select {
			case <-cq.Context().Done():
			case <-time.After(hang):
				t.Fatal("the tunnel goes on")
			}
			var closed *quic.ApplicationError
			if err := s.wait(t); err == nil {
				t.Error("Serve ended without an error")
			}
			if _, err := cq.OpenStream(); !errors.As(err, &closed) || closed.ErrorCode != c.code {
				t.Errorf("got %v, want %s", err, nameOf(uint64(c.code)))
			}
		})
	}
}

// TestTooManyStreams: a place is free when the handler has let go, not when the peer has reset.
func TestTooManyStreams(t *testing.T) {
	over := make(chan struct{})
	began := make(chan struct{}, 8)
	tn, _, _ := pair(t, Options{MaxStreams: 2}, func(in tunnel.Incoming) {
		if s, err := in.Accept(hbone.Header{}); err == nil {
			began <- struct{}{}
			<-over
			s.Close()
		}
	})
	t.Cleanup(func() { close(over) })
	for range 2 {
		s, _, err := tn.Open(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		<-began
		s.Close()
	}
	_, _, err := tn.Open(t.Context(), target)
	var refused *tunnel.RefusedError
	if !errors.As(err, &refused) || refused.Reason != tunnel.Full {
		t.Errorf("got %v", err)
	}
}

// FuzzDeframer: whatever comes in whatever pieces, the payload is that of a reader which has all of it.
func FuzzDeframer(f *testing.F) {
	f.Add([]byte(frame(frameData, "hello")+frame(0x21, "skipped")+frame(frameData, "world")), uint8(3))
	f.Add([]byte(headersOf("x", "y")), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		var whole, pieces deframer
		all := append([]byte(nil), b...)
		n, wrong := whole.take(all)
		var got []byte
		for rest := b; len(rest) > 0; {
			k := min(len(rest), int(step)+1)
			piece := append([]byte(nil), rest[:k]...)
			m, err := pieces.take(piece)
			got = append(got, piece[:m]...)
			rest = rest[k:]
			if err != nil {
				if wrong == nil {
					t.Errorf("an error in pieces only: %v", err)
				}
				break
			}
		}
		if string(got) != string(all[:n]) {
			t.Errorf("in pieces %q, at once %q", got, all[:n])
		}
		if wrong == nil && whole.whole() != pieces.whole() {
			t.Error("whole in one of both only")
		}
	})
}

// FuzzHeaders: what the reader of a head makes of bytes.
func FuzzHeaders(f *testing.F) {
	f.Add(headersOf(":method", "CONNECT", ":authority", "10.0.0.1:80"))
	f.Add(frame(0x21, "x") + headersOf(":status", "200"))
	f.Fuzz(func(t *testing.T, text string) {
		fields, err := readHeaders(strings.NewReader(text), newLimits())
		if err != nil {
			return
		}
		h := fields.Request()
		if h.Malformed != "" && h.RawAuthority != "" {
			t.Errorf("malformed, and yet with an authority: %+v", h)
		}
		for _, v := range []string{h.RawAuthority, h.Header.Baggage, h.Header.Forwarded, h.Header.Traceparent} {
			if h.Malformed == "" && strings.ContainsAny(v, "\r\n\x00") {
				t.Errorf("%q passed", v)
			}
		}
		fields.Answer()
	})
}

// FuzzSettings: any SETTINGS is taken or refused.
func FuzzSettings(f *testing.F) {
	f.Add([]byte("\x06\x40\x64"))
	f.Fuzz(func(_ *testing.T, b []byte) { _ = checkSettings(b) })
}
