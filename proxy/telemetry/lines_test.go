package telemetry

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// Nobody reads the log: writers go on, a bounded amount is kept, and the reader that
// comes in the end gets it in order and learns what is missing.
func TestAStuckLogStopsNobody(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := NewLines(w)
	const lines = 3 * maxLines / 100
	for i := range lines {
		if n, err := fmt.Fprintf(l, "%099d\n", i); n != 100 || err != nil {
			t.Fatal(n, err)
		}
	}
	l.mu.Lock()
	if l.size > maxLines {
		t.Errorf("%d bytes are kept", l.size)
	}
	l.mu.Unlock()
	read := make(chan string, 1)
	go func() { b, _ := io.ReadAll(r); read <- string(b) }()
	for closed := false; !closed; { // its limit of a second may pass on a busy machine
		l.Close()
		select {
		case <-l.done:
			closed = true
		default:
		}
	}
	w.Close()
	text := <-read
	r.Close()
	kept, dropped := 0, 0
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		var n int
		if _, after, ok := strings.Cut(s.Text(), `"lines_dropped":`); ok {
			_, _ = fmt.Sscan(strings.TrimSuffix(after, "}"), &n)
			dropped += n
			continue
		}
		if _, err := fmt.Sscanf(s.Text(), "%d", &n); err != nil || n != kept && dropped == 0 {
			t.Fatalf("line %d says %q", kept, s.Text())
		}
		kept++
	}
	if kept+dropped != lines || dropped == 0 {
		t.Errorf("%d lines came and %d were dropped, of %d", kept, dropped, lines)
	}
}

// The control: a log that is read gets all.
func TestALogThatIsRead(t *testing.T) {
	var b strings.Builder
	l := NewLines(&b)
	for i := range 1000 {
		fmt.Fprintf(l, "%d\n", i)
	}
	l.Close()
	<-l.done
	if got := strings.Count(b.String(), "\n"); got != 1000 || !strings.HasSuffix(b.String(), "\n999\n") {
		t.Errorf("%d lines", got)
	}
}
