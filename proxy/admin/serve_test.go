package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTheLastAnswerIsOut: a handler ends its own server, as the keeper's upgrade does;
// Serve returns after the answer, however slow that is.
func TestTheLastAnswerIsOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	answered := make(chan struct{})
	go func() {
		done <- Serve(ctx, path, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			end()
			select {
			case err := <-done: // Serve has returned under us
				done <- err
			case <-time.After(20 * time.Millisecond): // long enough for what is wrong to show
				close(answered)
			}
			_, _ = io.WriteString(w, "{}")
		}))
	}()
	c := New(path)
	for {
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			break
		}
		time.Sleep(time.Millisecond)
	}
	var got struct{}
	if err := c.Call(t.Context(), "POST", "/upgrade", nil, &got); err != nil {
		t.Error(err)
	}
	select {
	case <-answered:
	default:
		t.Error("Serve returned before the answer was out")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestASocketInUse is not taken over.
func TestASocketInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := Serve(t.Context(), path, http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v, want an error that says who has it", err)
	}
}
