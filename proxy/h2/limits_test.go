package h2

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// A peer that does not take our answers must not make us keep them.
func TestAnswersAreBounded(t *testing.T) {
	c := newConn(nil, Options{}.resolved(), nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	for range maxAcks {
		if err := c.queueAck(control{kind: sendPingAck}); err != nil {
			t.Fatal(err)
		}
	}
	var ce *ConnError
	if err := c.queueAck(control{kind: sendPingAck}); !errors.As(err, &ce) || ce.Code != http2.ErrCodeEnhanceYourCalm {
		t.Errorf("got %v", err)
	}
}

// Ordinary churn is no flood: connections that the application resets after
// their answer, at any rate.
func TestHonestResetsAreNoFlood(t *testing.T) {
	tn, _ := pair(t, Options{}, echo)
	for range 3 * int(tunnel.Resets.Burst) {
		s, _, err := tn.Open(context.Background(), target)
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, "x")
		s.Reset()
	}
}

func TestStreamLimitOfTheServer(t *testing.T) {
	w, a := wireAccepting(t, Options{MaxStreams: 3})
	for id := uint32(1); id <= 5; id += 2 {
		acceptOn(w, a, id)
	}
	w.connect(7)
	w.wantReset(7, http2.ErrCodeRefusedStream)
	w.must(w.fr.WriteRSTStream(1, http2.ErrCodeCancel))
	acceptOn(w, a, 9)
}

// The dialling end opens no more than it may, and knows before it asks.
func TestStreamLimitOfTheClient(t *testing.T) {
	tn, _, a := acceptPair(t, Options{MaxStreams: 2})
	if tn.Limit() != 2 {
		t.Errorf("limit %d", tn.Limit())
	}
	s := open(t, tn)
	open(t, tn)
	var refused *tunnel.RefusedError
	if _, _, err := tn.Open(context.Background(), target); !errors.As(err, &refused) || refused.Reason != tunnel.Full {
		t.Errorf("got %v", err)
	}
	a.next(t)
	s.Reset()
	open(t, tn)
	tn2, _ := pair(t, Options{MaxStreams: 1000}, echo)
	if tn2.Limit() != clientStreams {
		t.Errorf("limit %d", tn2.Limit())
	}
}

// What RFC 9113 calls an error of the connection.
func TestProtocolErrors(t *testing.T) {
	for name, c := range map[string]struct {
		send func(w *wire)
		code http2.ErrCode
	}{
		"even stream":        {func(w *wire) { w.connect(2) }, http2.ErrCodeProtocol},
		"idle DATA":          {func(w *wire) { w.must(w.fr.WriteData(9, false, []byte("x"))) }, http2.ErrCodeProtocol},
		"idle RST_STREAM":    {func(w *wire) { w.must(w.fr.WriteRSTStream(9, 0)) }, http2.ErrCodeProtocol},
		"idle WINDOW_UPDATE": {func(w *wire) { w.must(w.fr.WriteWindowUpdate(9, 1)) }, http2.ErrCodeProtocol},
		"DATA on stream 0":   {func(w *wire) { w.must(w.fr.WriteRawFrame(http2.FrameData, 0, 0, []byte("x"))) }, http2.ErrCodeProtocol},
		"padding too long": {func(w *wire) {
			w.connect(1)
			w.must(w.fr.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{9, 0}))
		}, http2.ErrCodeProtocol},
		"no pad length": {func(w *wire) { w.connect(1); w.must(w.fr.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, nil)) }, http2.ErrCodeFrameSize},
		"PUSH_PROMISE": {func(w *wire) {
			w.must(w.fr.WriteRawFrame(http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, 1, []byte{0, 0, 0, 2}))
		}, http2.ErrCodeProtocol},
		"frame too large":      {func(w *wire) { w.must(w.fr.WriteRawFrame(0xbb, 0, 0, make([]byte, frameSize+1))) }, http2.ErrCodeFrameSize},
		"short PING":           {func(w *wire) { w.must(w.fr.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 7))) }, http2.ErrCodeFrameSize},
		"SETTINGS on a stream": {func(w *wire) { w.must(w.fr.WriteRawFrame(http2.FrameSettings, 0, 1, nil)) }, http2.ErrCodeProtocol},
		"MAX_FRAME_SIZE":       {func(w *wire) { w.must(w.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1})) }, http2.ErrCodeProtocol},
		"INITIAL_WINDOW_SIZE": {func(w *wire) {
			w.must(w.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}))
		}, http2.ErrCodeFlowControl},
		"HEADERS padding": {func(w *wire) {
			w.must(w.fr.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersPadded|http2.FlagHeadersEndHeaders, 1, []byte{9, 0}))
		}, http2.ErrCodeProtocol},
		"lonely CONTINUATION": {func(w *wire) { w.must(w.fr.WriteContinuation(1, true, nil)) }, http2.ErrCodeProtocol},
		"SETTINGS of many":    {func(w *wire) { w.must(w.fr.WriteSettings(make([]http2.Setting, maxSettings+1)...)) }, http2.ErrCodeEnhanceYourCalm},
		"window of all streams": {func(w *wire) {
			w.connect(1)
			w.must(w.fr.WriteWindowUpdate(1, maxWindow-initialWindow))
			w.must(w.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow}))
		}, http2.ErrCodeFlowControl},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := wireToServer(t, Options{LingerTimeout: 20 * time.Millisecond}, echo)
			c.send(w)
			w.wantGoAway(c.code)
			if err := s.wait(t); err == nil {
				t.Error("Serve returned nil")
			}
		})
	}
}

// What it calls an error of the stream.
func TestStreamErrors(t *testing.T) {
	for name, c := range map[string]struct {
		send func(w *wire)
		code http2.ErrCode
	}{
		"DATA after END_STREAM": {func(w *wire) {
			w.must(w.fr.WriteData(1, true, nil))
			w.must(w.fr.WriteData(1, false, []byte("x")))
		}, http2.ErrCodeStreamClosed},
		"HEADERS after END_STREAM": {func(w *wire) {
			w.must(w.fr.WriteData(1, true, nil))
			w.headers(1, true, "a", "b")
		}, http2.ErrCodeStreamClosed},
		"trailers":       {func(w *wire) { w.headers(1, true, "a", "b") }, http2.ErrCodeProtocol},
		"zero increment": {func(w *wire) { w.must(w.fr.WriteWindowUpdate(1, 0)) }, http2.ErrCodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := wireAccepting(t, Options{})
			s := acceptOn(w, a, 1)
			c.send(w)
			w.wantReset(1, c.code)
			if _, err := s.Write([]byte("x")); err == nil {
				t.Error("the stream goes on")
			}
			acceptOn(w, a, 3)
		})
	}
}

// Frames on a stream that we have reset are on their way still: no error.
func TestLateFramesAreIgnored(t *testing.T) {
	w, a := wireAccepting(t, Options{})
	acceptOn(w, a, 1).Reset()
	w.wantReset(1, http2.ErrCodeConnect)
	w.must(w.fr.WriteData(1, false, []byte("late")))
	w.must(w.fr.WriteWindowUpdate(1, 5))
	w.must(w.fr.WriteRSTStream(1, http2.ErrCodeCancel))
	w.must(w.fr.WriteData(1, true, nil))
	acceptOn(w, a, 3)
}

// ENABLE_PUSH is not a server's to turn on.
func TestServerMayNotEnablePush(t *testing.T) {
	cc, sc := loopback(t)
	defer sc.Close()
	w := newWire(t, sc)
	w.must(w.fr.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 1}))
	go io.Copy(io.Discard, sc)
	var ce *ConnError
	if _, err := New(Options{LingerTimeout: time.Millisecond}).Client(context.Background(), cc); !errors.As(err, &ce) || ce.Code != http2.ErrCodeProtocol {
		t.Errorf("got %v", err)
	}
}

func TestRejectThenNothing(t *testing.T) {
	answers := make(chan error, 3)
	w, _ := wireToServer(t, Options{}, func(in tunnel.Incoming) {
		answers <- in.Reject(hbone.StatusUnauthorized)
		answers <- in.Reject(hbone.StatusUnauthorized)
		_, err := in.Accept(hbone.Header{})
		answers <- err
	})
	w.headers(1, true, ":method", "CONNECT", ":authority", "10.0.0.1:80")
	w.wantStatus(1, "401", true)
	if err := <-answers; err != nil {
		t.Error(err)
	}
	if err := <-answers; err == nil {
		t.Error("a second answer")
	}
	if err := <-answers; err == nil {
		t.Error("a third answer")
	}
}
