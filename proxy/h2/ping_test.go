package h2

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// greetedPipe returns our dialling end in fake time, and a peer that has greeted
// it. The peer has read our greeting too, which a net.Pipe would hold up.
func greetedPipe(t *testing.T, o Options) (*wire, tunnel.Tunnel) {
	t.Helper()
	cc, sc := net.Pipe()
	w := newWire(t, sc)
	go func() {
		io.ReadFull(sc, make([]byte, len(http2.ClientPreface)))
		read[*http2.SettingsFrame](w)
		read[*http2.WindowUpdateFrame](w)
	}()
	written := make(chan struct{})
	go func() { w.fr.WriteSettings(); close(written) }()
	tn, err := New(o).Client(t.Context(), cc)
	if err != nil {
		t.Fatal(err)
	}
	<-written
	synctest.Wait()
	if f := read[*http2.SettingsFrame](w); !f.IsAck() {
		t.Fatalf("got %v", f)
	}
	return w, tn
}

// 10 s after the last frame a PING, and so on after each answer.
func TestPingWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tn := greetedPipe(t, Options{})
		defer tn.Close()
		defer w.c.Close()
		for range 5 {
			begin := time.Now()
			f := read[*http2.PingFrame](w)
			if took := time.Since(begin); took != 10*time.Second {
				t.Errorf("PING after %v", took)
			}
			w.must(w.fr.WritePing(true, f.Data))
		}
		if !tn.Usable() {
			t.Error("not usable")
		}
	})
}

func TestNoPingWhenBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tn := greetedPipe(t, Options{})
		defer tn.Close()
		go func() {
			for range 10 {
				time.Sleep(9 * time.Second)
				w.fr.WriteWindowUpdate(0, 1)
			}
			w.c.Close()
		}()
		for {
			f, err := w.fr.ReadFrame()
			if err != nil {
				break
			}
			t.Errorf("got %v", f)
		}
	})
}

// 20 s without an answer are the end, with all streams.
func TestPingTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tn := greetedPipe(t, Options{})
		begin := time.Now()
		defer w.c.Close()
		go io.Copy(io.Discard, w.c) // takes all, says nothing
		opened := make(chan error)
		go func() {
			_, _, err := tn.Open(t.Context(), target)
			opened <- err
		}()
		err := <-opened
		var lost *tunnel.LostError
		var silent *SilentError
		if !errors.As(err, &lost) || !errors.As(err, &silent) {
			t.Errorf("Open: %v", err)
		}
		if took := time.Since(begin); took != 30*time.Second {
			t.Errorf("after %v", took)
		}
		<-tn.Done()
		if tn.Usable() {
			t.Error("still usable")
		}
	})
}

// A peer whose TCP takes nothing for 30 s while something is queued is gone.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, tn := greetedPipe(t, Options{})
		var peer sync.WaitGroup
		defer peer.Wait()
		defer w.c.Close()
		peer.Go(func() { // answers nothing, but is not silent
			for w.fr.WriteWindowUpdate(0, 1) == nil {
				time.Sleep(5 * time.Second)
			}
		})
		begin := time.Now()
		_, _, err := tn.Open(t.Context(), target)
		var lost *tunnel.LostError
		if !errors.As(err, &lost) {
			t.Errorf("Open: %v", err)
		}
		if took := time.Since(begin); took != 30*time.Second {
			t.Errorf("after %v", took)
		}
		<-tn.Done()
	})
}

func TestHandshakeTimeout(t *testing.T) {
	t.Run("client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cc, sc := net.Pipe()
			defer sc.Close()
			begin := time.Now()
			if _, err := New(Options{}).Client(t.Context(), cc); err == nil {
				t.Error("no error")
			}
			if took := time.Since(begin); took < 10*time.Second || took > 12*time.Second {
				t.Errorf("after %v", took)
			}
		})
	})
	t.Run("client's context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cc, sc := net.Pipe()
			defer sc.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := New(Options{}).Client(ctx, cc); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	})
	for name, sent := range map[string]string{"nothing": "", "half a preface": http2.ClientPreface[:10], "preface only": http2.ClientPreface} {
		t.Run("server, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cc, sc := net.Pipe()
				defer cc.Close()
				go io.Copy(io.Discard, cc)
				go io.WriteString(cc, sent)
				begin := time.Now()
				if err := New(Options{}).Serve(t.Context(), sc, echo); err == nil {
					t.Error("no error")
				}
				if took := time.Since(begin); took < 10*time.Second || took > 12*time.Second {
					t.Errorf("after %v", took)
				}
			})
		})
	}
}

func TestPingIsAnswered(t *testing.T) {
	w, _ := wireToServer(t, Options{}, echo)
	w.must(w.fr.WritePing(false, [8]byte{1, 2, 3}))
	if f := read[*http2.PingFrame](w); !f.IsAck() || f.Data != [8]byte{1, 2, 3} {
		t.Errorf("got %v", f)
	}
}
