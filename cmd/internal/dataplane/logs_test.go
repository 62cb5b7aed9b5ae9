package dataplane

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Whoever reads the log stops: an access line waits, and the cell's own lines do not.
func TestAStuckLogStopsNobody(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	l := NewLogs(w, telemetry.LogConfig{}, "a/b")
	stuck := make(chan error, 1)
	go func() {
		err := l.Access.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, "connection complete", 0))
		l.Access.(interface{ Flush() }).Flush()
		stuck <- err
	}()
	for range 10_000 { // 1 MiB and more: the queue drops in the end
		l.Log.Warn("accept failed", "error", "too many open files, and a long explanation of what that means to whom")
	}
	select {
	case err := <-stuck:
		t.Errorf("the pipe took a line that nobody read: %v", err)
	default:
	}
	read := make(chan string, 1)
	go func() {
		var b bytes.Buffer
		_, _ = io.Copy(&b, r)
		read <- b.String()
	}()
	l.Close()
	if err := <-stuck; err != nil {
		t.Error(err)
	}
	w.Close()
	text := <-read
	for _, want := range []string{`"msg":"connection complete","cell":"a/b","isolation":"a"`, `"msg":"accept failed","cell":"a/b"`, `"lines_dropped":`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in the log", want)
		}
	}
}
