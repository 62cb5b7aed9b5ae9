package drill

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// show plays a short drill to a printer: one update each 50 ms.
func show(p *Printer) {
	p.Line("lab: network")
	s := Status{Turn: 1, Turns: 4, Subject: "sidecar", Phase: PhasePlace}
	p.Update(s)
	s.Phase = PhaseSettle
	for i := range 12 {
		s.Elapsed, s.Hit = time.Duration(i)*50*time.Millisecond, []string{"tenant-a/web"}
		p.Update(s)
		time.Sleep(50 * time.Millisecond)
	}
	s.Phase, s.Elapsed, s.Hit = "crash", 0, nil
	p.Update(s)
	s.Note = "SIGKILL to sidecar (pid 7)"
	p.Update(s)
	s.Note = ""
	for i := range 30 {
		s.Elapsed = time.Duration(i) * 50 * time.Millisecond
		s.Hit = nil
		if i >= 2 && i < 20 {
			s.Hit = []string{"tenant-a/checkout", "tenant-a/db", "tenant-a/web"}
		}
		p.Update(s)
		time.Sleep(50 * time.Millisecond)
	}
	s.Phase = PhaseRollback
	p.Update(s)
	p.Close()
}

func TestPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		show(NewPrinter(&b, false, nil))
		want := `  0.0 s  lab: network
  0.0 s  [1/4] sidecar: placing
  0.0 s  [1/4] sidecar: settling
  0.6 s  [1/4] sidecar: crash
  0.6 s  [1/4] sidecar: crash: SIGKILL to sidecar (pid 7)
  0.7 s  [1/4] sidecar: crash: +0.1 s: 3 workloads are hit: tenant-a/checkout, tenant-a/db, tenant-a/web
  1.6 s  [1/4] sidecar: crash: +1.0 s: nobody is hit
  2.1 s  [1/4] sidecar: rolling back
`
		if d := cmp.Diff(want, b.String()); d != "" {
			t.Error(d)
		}
	})
}

func TestLiveLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		show(NewPrinter(&b, true, func() int { return 72 }))
		var stay []string
		for _, line := range strings.SplitAfter(b.String(), "\n") {
			parts := strings.Split(line, "\r\x1b[K")
			for _, p := range parts {
				if len(p) >= 72+1 {
					t.Errorf("%d columns: %q", len(p), p)
				}
			}
			if last := parts[len(parts)-1]; strings.HasSuffix(last, "\n") {
				stay = append(stay, last)
			}
		}
		want := []string{"  0.0 s  lab: network\n", "  0.6 s  [1/4] sidecar: crash: SIGKILL to sidecar (pid 7)\n"}
		if d := cmp.Diff(want, stay); d != "" {
			t.Error(d)
		}
		for _, wants := range []string{"placing 0.0 s", "crash 0.5 s, 3 workloads are hit: tenant-a/c...", "crash 1.4 s, nobody is hit"} {
			if !strings.Contains(b.String(), wants) {
				t.Errorf("never shows %q in %q", wants, b.String())
			}
		}
		if !strings.HasSuffix(b.String(), "\r\x1b[K") {
			t.Error("the live line is left behind")
		}
	})
}
