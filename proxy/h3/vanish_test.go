package h3

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// heap is what is alive.
func heap() int {
	runtime.GC()
	runtime.GC() // what the first one found in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// blocked is an application that reads nothing until its connection is reset.
type blocked struct {
	reset chan struct{}
	once  sync.Once
}

func (b *blocked) Write([]byte) (int, error) { <-b.reset; return 0, io.ErrClosedPipe }
func (b *blocked) cut(error)                 { b.once.Do(func() { close(b.reset) }) }

// relayed is what proxy.Relay does with a stream and such an application: it is told by OnBreak, or by the end of ctx.
func relayed(ctx context.Context) tunnel.Handler {
	return func(in tunnel.Incoming) {
		s, err := in.Accept(hbone.Header{})
		if err != nil {
			return
		}
		app := &blocked{reset: make(chan struct{})}
		stop := context.AfterFunc(ctx, func() { app.cut(nil) })
		defer stop()
		s.(tunnel.Breaking).OnBreak(app.cut)
		_, _ = s.(io.WriterTo).WriteTo(app)
	}
}

// flood opens streams in a tunnel of its own and writes to all as much as they take.
func flood(t *testing.T, to net.Addr, streams int, b []byte) *quic.Conn {
	t.Helper()
	q, err := socket(t).Dial(t.Context(), to, overQUIC(clientTLS, nil), patient.Config())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = patient.Client(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	for range streams {
		s, err := q.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = s.Write(appendRequest(nil, target))
			_, _ = s.Write(appendFrameHead(nil, frameData, len(b)))
			_, _ = s.Write(b)
		}()
	}
	return q
}

// TestWhatHasNoRoomIsGone: applications that read nothing, in streams that are full. Those without room are reset,
// their relays end although they are stuck, and what they held is free and not only uncounted.
func TestWhatHasNoRoomIsGone(t *testing.T) {
	const tunnels, streams, limit, bound = 3, 100, 2 << 20, 12 << 20
	account := budget.NewAccount(budget.Limits{Bytes: limit}, budget.NewTurns(1))
	e, at := accepting(t, Options{Account: account, IdleTimeout: time.Hour, HandshakeTimeout: hang})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	c := serverTLS(t)
	go func() {
		served <- e.Serve(ctx, ctx, ctx, c, letBegin, func(tunnel.Accepted) (tunnel.Served, error) {
			return tunnel.Served{Ended: func(error) {}, Handler: relayed(ctx)}, nil
		})
	}()
	t.Cleanup(func() { cancel(); e.Close(); <-served })
	b := make([]byte, patient.o.StreamWindow) // all streams write the same
	before := heap()
	for range tunnels {
		flood(t, net.UDPAddrFromAddrPort(at), streams, b)
	}
	eventually(t, "most to be reset", func() bool {
		if n := account.Buffered(); n > limit {
			t.Fatalf("%d bytes are charged", n)
		}
		return account.Counts().Refused[budget.Bytes] >= tunnels*streams-limit/copySize
	})
	eventually(t, "all of them to be gone", func() bool { return account.Owed() == 0 })
	for end := time.Now().Add(hang); ; time.Sleep(100 * time.Millisecond) {
		more := heap() - before
		if more < bound {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d KiB are held, charged are %d KiB", more>>10, account.Buffered()>>10)
		}
	}
}

// TestAPeerThatWithholdsTheEnd: a stream that is full is reset, and its peer says nothing of it any more. It stays
// charged, until the peer has lost its tunnel.
func TestAPeerThatWithholdsTheEnd(t *testing.T) {
	account := budget.NewAccount(budget.Limits{Bytes: 4 << 20}, budget.NewTurns(1))
	o := Options{Account: account, IdleTimeout: time.Hour, PingInterval: time.Hour, FinalTimeout: 3 * pause, HandshakeTimeout: hang}
	client, server, from := loopback(t, o)
	let := make(chan struct{})
	back := make(chan struct{})
	s := serve(o, server, func(in tunnel.Incoming) {
		if _, err := in.Accept(hbone.Header{}); err == nil {
			<-let
		}
		close(back)
	})
	t.Cleanup(s.drain)
	q, err := client.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Write(append(appendRequest(nil, target), appendFrameHead(nil, frameData, 100)...)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stream to be charged", func() bool { return account.Buffered() > 0 })
	from.Conn.Close() // nothing comes from the peer any more
	close(let)
	<-back
	if account.Buffered() == 0 {
		select {
		case <-server.Context().Done():
		default:
			t.Error("a stream is not charged any more, and not gone")
		}
	}
	var wrong *ConnError
	if err := s.wait(t); !errors.As(err, &wrong) || wrong.Code != codeLoad {
		t.Errorf("the tunnel ended with %v", err)
	}
	if n := account.Buffered(); n != 0 {
		t.Errorf("%d bytes are charged after the end", n)
	}
}

// TestATunnelIsLostWhileItOwes: a stream without room whose relay is stuck ends with its tunnel, too: nobody would
// look at it any more.
func TestATunnelIsLostWhileItOwes(t *testing.T) {
	const limit = 1 << 20
	account := budget.NewAccount(budget.Limits{Bytes: limit}, budget.NewTurns(1))
	account.Take(limit)
	client, server, _ := loopback(t, Options{Account: account})
	s := serve(Options{Account: account}, server, relayed(t.Context()))
	t.Cleanup(s.drain)
	q, err := client.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Write(append(append(appendRequest(nil, target), appendFrameHead(nil, frameData, 100)...), make([]byte, 100)...)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it to owe", func() bool { return account.Owed() > 0 || account.Counts().Refused[budget.Bytes] > 0 })
	_ = client.CloseWithError(codeNo, "")
	_ = s.wait(t)
	if account.Owed() != 0 || account.Buffered() != limit {
		t.Errorf("owed are %d bytes, charged %d", account.Owed(), account.Buffered())
	}
}
