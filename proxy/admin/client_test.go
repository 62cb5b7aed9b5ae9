package admin

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serve answers on a socket of the test and says what it was sent.
func serve(t *testing.T, status int, reply string) (c *Client, sent <-chan string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- r.Method + " " + r.URL.Path + " " + string(b)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, reply)
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-ended })
	return New(socket), got
}

func TestCall(t *testing.T) {
	c, sent := serve(t, http.StatusOK, `{"pid":7}`)
	var reply struct{ PID int }
	if err := c.Call(t.Context(), "POST", "/move", map[string]string{"uid": "a/web"}, &reply); err != nil || reply.PID != 7 {
		t.Errorf("%+v, %v", reply, err)
	}
	if got, want := <-sent, `POST /move {"uid":"a/web"}`; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	var text Text
	if err := c.Call(t.Context(), "GET", "/metrics", nil, &text); err != nil || text != `{"pid":7}` {
		t.Errorf("%q, %v", text, err)
	}
	if got, want := <-sent, "GET /metrics "; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestRefusals(t *testing.T) {
	for reply, want := range map[string]string{`{"error":"no pod \"x\""}`: `no pod "x"`, `oops`: "404 Not Found"} {
		c, _ := serve(t, http.StatusNotFound, reply)
		err := c.Call(t.Context(), "GET", "/cells", nil, nil)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Status != http.StatusNotFound || refused.Sentence != want {
			t.Errorf("%s: %v, want %q", reply, err, want)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	err := New(filepath.Join(t.TempDir(), "none")).Call(t.Context(), "GET", "/ready", nil, nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want that there is no socket", err)
	}
}

func TestAReplyThatIsTooLongIsAnError(t *testing.T) {
	c, _ := serve(t, http.StatusOK, strings.Repeat(" ", MaxReply)+"{}")
	if err := c.Call(t.Context(), "GET", "/metrics", nil, new(Text)); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("half of a reply is a reply: %v", err)
	}
}
