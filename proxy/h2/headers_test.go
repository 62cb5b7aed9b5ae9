package h2

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

func TestHeadersArrive(t *testing.T) {
	sent := hbone.Header{Baggage: "k8s.cluster.name=c", Forwarded: `for="10.0.0.1:1"`, Traceparent: hbone.NewTraceparent()}
	back := hbone.Header{Baggage: "service.name=s"}
	heads := make(chan hbone.Head, 1)
	tn, _ := pair(t, Options{}, func(in tunnel.Incoming) {
		heads <- in.Head()
		if s, err := in.Accept(back); err == nil {
			s.Close()
		}
	})
	head := target
	head.Header = sent
	for range 3 { // the HPACK table makes the second differ from the first
		s, h, err := tn.Open(context.Background(), head)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if h != back {
			t.Errorf("the answer had %+v", h)
		}
		if got := <-heads; got != head {
			t.Errorf("the request was %+v", got)
		}
	}
}

// A header larger than a frame of the peer goes on in CONTINUATION.
func TestLargeHeaders(t *testing.T) {
	heads := make(chan hbone.Head, 1)
	tn, _ := pair(t, Options{}, func(in tunnel.Incoming) {
		heads <- in.Head()
		in.Reject(hbone.StatusUnavailable)
	})
	head := target
	head.Header.Baggage = strings.Repeat("!", 40_000)
	tn.Open(context.Background(), head)
	if got := <-heads; got != head {
		t.Errorf("got %d bytes of baggage", len(got.Header.Baggage))
	}
}

// Whatever is no well-formed CONNECT gets a 400, by a handler that sees why, and
// costs nobody else the tunnel.
func TestMalformedRequests(t *testing.T) {
	connect := []string{":method", "CONNECT", ":authority", "10.0.0.1:80"}
	with := func(f ...string) []string { return append(append([]string(nil), connect...), f...) }
	for name, fields := range map[string][]string{
		"GET":                    {":method", "GET", ":scheme", "https", ":authority", "x", ":path", "/"},
		"no method":              {":authority", "10.0.0.1:80"},
		"no authority":           {":method", "CONNECT"},
		"path":                   with(":path", "/"),
		"scheme":                 with(":scheme", "https"),
		"extended CONNECT":       with(":protocol", "websocket"),
		"status":                 with(":status", "200"),
		"unknown pseudo":         with(":nonsense", "x"),
		"pseudo after regular":   {":method", "CONNECT", "baggage", "x", ":authority", "10.0.0.1:80"},
		"duplicate authority":    with(":authority", "10.0.0.2:80"),
		"upper case":             with("Baggage", "x"),
		"bad name":               with("bag gage", "x"),
		"empty name":             with("", "x"),
		"connection header":      with("connection", "close"),
		"transfer-encoding":      with("transfer-encoding", "chunked"),
		"te":                     with("te", "gzip"),
		"line break in a value":  with("baggage", "a\r\nb"),
		"NUL in a value":         with("baggage", "a\x00b"),
		"space around a value":   with("baggage", " a"),
		"list larger than 64 Ki": with("baggage", strings.Repeat("z", 9000), "a", strings.Repeat("z", 60_000)),
	} {
		t.Run(name, func(t *testing.T) {
			heads := make(chan hbone.Head, 1)
			w, _ := wireToServer(t, Options{}, func(in tunnel.Incoming) {
				if _, err := in.Accept(hbone.Header{}); err == nil {
					return
				}
				heads <- in.Head()
				if err := in.Reject(hbone.StatusBadRequest); err != nil {
					t.Error(err)
				}
			})
			// The Framer here counts what it writes as HEADERS only, so large
			// blocks have to be cut by hand.
			block := w.block(fields...)
			first, rest := block[:min(len(block), 16000)], block[min(len(block), 16000):]
			w.must(w.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: first, EndHeaders: len(rest) == 0}))
			for len(rest) > 0 {
				n := min(len(rest), 16000)
				w.must(w.fr.WriteContinuation(1, n == len(rest), rest[:n]))
				rest = rest[n:]
			}
			w.wantStatus(1, "400", true)
			w.wantReset(1, http2.ErrCodeNo) // section 8.1: the answer is complete
			h := <-heads
			if _, err := h.Authority(); err == nil {
				t.Errorf("%+v has an authority", h)
			}
			if h.Malformed == "" && h.Method == "CONNECT" {
				t.Error("nothing says what is wrong")
			}
			w.headers(3, true, connect...) // the next one is served
			w.wantStatus(3, "200", false)
		})
	}
}

// Beyond the limits the HPACK tables are lost, and with them the tunnel.
func TestHeaderBlocksAreBounded(t *testing.T) {
	t.Run("bytes", func(t *testing.T) {
		w, _ := wireToServer(t, Options{}, echo)
		w.must(w.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 16000)}))
		for range 4 {
			w.must(w.fr.WriteContinuation(1, false, make([]byte, 16000)))
		}
		w.wantGoAway(http2.ErrCodeEnhanceYourCalm)
	})
	t.Run("frames", func(t *testing.T) {
		w, _ := wireToServer(t, Options{}, echo)
		w.must(w.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1}))
		for range maxBlockParts {
			w.must(w.fr.WriteContinuation(1, false, nil))
		}
		w.wantGoAway(http2.ErrCodeEnhanceYourCalm)
	})
	t.Run("garbage", func(t *testing.T) {
		w, _ := wireToServer(t, Options{}, echo)
		w.must(w.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff}, EndHeaders: true}))
		w.wantGoAway(http2.ErrCodeCompression)
	})
	t.Run("something between", func(t *testing.T) {
		w, _ := wireToServer(t, Options{}, echo)
		w.must(w.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1}))
		w.must(w.fr.WritePing(false, [8]byte{}))
		w.wantGoAway(http2.ErrCodeProtocol)
	})
}

// answerTo runs Open against a wire that answers with answer.
func answerTo(t *testing.T, answer func(w *wire)) error {
	t.Helper()
	w, tn := wireToClient(t, Options{})
	done := make(chan error, 1)
	go func() {
		s, _, err := tn.Open(context.Background(), target)
		if err == nil {
			s.Close()
		}
		done <- err
	}()
	f := read[*http2.MetaHeadersFrame](w)
	if f.PseudoValue("method") != "CONNECT" || f.PseudoValue("authority") != "10.0.0.1:80" || len(f.Fields) != 2 || f.StreamEnded() {
		t.Errorf("the request was %v", f.Fields)
	}
	answer(w)
	var err error
	within(t, "Open", func() { err = <-done })
	return err
}

func TestAnswers(t *testing.T) {
	status := func(err error) int {
		var se *tunnel.StatusError
		if errors.As(err, &se) {
			return se.Status
		}
		return 0
	}
	if err := answerTo(t, func(w *wire) { w.headers(1, false, ":status", "200") }); err != nil {
		t.Errorf("200: %v", err)
	}
	if err := answerTo(t, func(w *wire) { w.headers(1, true, ":status", "503") }); status(err) != 503 {
		t.Errorf("503: %v", err)
	}
	err := answerTo(t, func(w *wire) {
		w.headers(1, false, ":status", "401") // without END_STREAM: we must end it
		w.wantReset(1, http2.ErrCodeCancel)
	})
	if status(err) != 401 {
		t.Errorf("401: %v", err)
	}
	err = answerTo(t, func(w *wire) {
		w.headers(1, false, ":status", "103")
		w.headers(1, false, ":status", "200")
	})
	if err != nil {
		t.Errorf("200 after 103: %v", err)
	}
	var refused *tunnel.RefusedError
	if err := answerTo(t, func(w *wire) { w.must(w.fr.WriteRSTStream(1, http2.ErrCodeRefusedStream)) }); !errors.As(err, &refused) || refused.Reason != tunnel.Refused {
		t.Errorf("REFUSED_STREAM: %v", err)
	}
	if err := answerTo(t, func(w *wire) { w.must(w.fr.WriteGoAway(0, http2.ErrCodeNo, nil)) }); !errors.As(err, &refused) || refused.Reason != tunnel.GoAway {
		t.Errorf("GOAWAY: %v", err)
	}
	wantReset(t, answerTo(t, func(w *wire) { w.must(w.fr.WriteRSTStream(1, http2.ErrCodeInternal)) }), http2.ErrCodeInternal)
	var lost *tunnel.LostError
	if err := answerTo(t, func(w *wire) { w.c.Close() }); !errors.As(err, &lost) {
		t.Errorf("loss: %v", err)
	}
}

func TestMalformedAnswers(t *testing.T) {
	for name, answer := range map[string]func(w *wire){
		"no status":    func(w *wire) { w.headers(1, false, "baggage", "x") },
		"short status": func(w *wire) { w.headers(1, false, ":status", "20") },
		"word":         func(w *wire) { w.headers(1, false, ":status", "+20") },
		"method":       func(w *wire) { w.headers(1, false, ":status", "200", ":method", "CONNECT") },
		"bad header":   func(w *wire) { w.headers(1, false, ":status", "200", "X", "y") },
		"early end":    func(w *wire) { w.headers(1, true, ":status", "103") },
		"DATA first":   func(w *wire) { w.must(w.fr.WriteData(1, false, []byte("x"))) },
		"header too large": func(w *wire) {
			w.headers(1, false, ":status", "200", "a", strings.Repeat("z", 8000), "b", strings.Repeat("z", 8000), "c", strings.Repeat("z", 2000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := answerTo(t, func(w *wire) {
				answer(w)
				w.wantReset(1, http2.ErrCodeProtocol)
			})
			var se *streamError
			if !errors.As(err, &se) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The peer's HEADER_TABLE_SIZE rules our encoder; 0 turns the table off.
func TestHeaderTableSize(t *testing.T) {
	w, tn := wireToClient(t, Options{}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
	dec := hpack.NewDecoder(0, nil) // refuses references into a table
	w.fr.ReadMetaHeaders = dec
	for id := uint32(1); id <= 5; id += 2 {
		go tn.Open(context.Background(), target)
		if f := read[*http2.MetaHeadersFrame](w); f.PseudoValue("authority") != "10.0.0.1:80" {
			t.Errorf("got %v", f.Fields)
		}
	}
}

// What is wrong with a head is said in few words, whatever is in it.
func TestReasonsAreShort(t *testing.T) {
	for name, fields := range map[string][]string{
		"name":          {strings.Repeat("\x01", 15_000), "x"},
		"pseudo-header": {":" + strings.Repeat("\x01", 15_000), "x"},
		"value":         {strings.Repeat("a", 15_000), "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			heads := make(chan hbone.Head, 1)
			w, _ := wireToServer(t, Options{}, func(in tunnel.Incoming) { heads <- in.Head() })
			w.headers(1, true, fields...)
			if h := <-heads; h.Malformed == "" || len(h.Malformed) > 300 {
				t.Errorf("the reason has %d bytes", len(h.Malformed))
			}
		})
	}
}

// Large heads are charged to the workload while their handlers have them; without room
// their streams are refused, and the tunnel goes on.
func TestLargeHeadsAreCharged(t *testing.T) {
	account := budget.NewAccount(budget.Limits{Bytes: 1 << 20}, budget.NewTurns(1))
	s := accepting(t, Options{Account: account}, idle)
	block := append(bytes.Clone(connectBlock), "\x00\x07baggage\x7f\xa1\x1e"+strings.Repeat("z", 4000)...)
	s.bears(150, func(i uint32) error { return s.send(i, block, 16_000) })
	if n := account.Buffered(); n > 2*batchSize {
		t.Errorf("%d bytes are charged for heads of a usual size", n)
	}
	block = append(bytes.Clone(connectBlock), "\x00\x07baggage\x7f\xf2\xf5\x02"+strings.Repeat("z", 48_000-15)...)
	s = accepting(t, Options{Account: account}, idle)
	s.bears(30, func(i uint32) error { return s.send(i, block, 16_000) })
	if n := account.Counts().Refused[budget.Bytes]; n == 0 {
		t.Errorf("30 heads of 48 kB were taken, %d bytes are charged", account.Buffered())
	}
	s.c.Close()
	_ = s.end()
	waitFor(t, "the heads to be given back", func() bool { return account.Buffered() <= 2*batchSize })
}
