package attack

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

func itoa(n int) string { return strconv.Itoa(n) }

func written(t *testing.T, lines ...Line) string {
	t.Helper()
	var b bytes.Buffer
	for _, l := range lines {
		if err := l.write(&b); err != nil {
			t.Fatal(err)
		}
		b.WriteString(`{"level":"INFO","msg":"somebody else's line"}` + "\n")
	}
	return b.String()
}

func attempt(kind, outcome string) *trust.Attempt {
	return &trust.Attempt{By: trust.ByCell, Kind: kind, Target: "b/web", Outcome: outcome}
}

func TestRead(t *testing.T) {
	seen := Packet{netip.MustParseAddr("10.0.0.1"), 20_001}
	lost := Packet{netip.MustParseAddr("10.0.0.1"), 20_002}
	log := written(t,
		Line{Begin: attempt("setns", trust.Killed)}, Line{End: &End{Attempt: *attempt("setns", trust.Refused)}},
		Line{Begin: attempt("fatal", trust.Killed)}, // and a restart
		Line{Begin: attempt("forge", trust.Killed)}, Line{End: &End{Attempt: *attempt("forge", trust.Succeeded), Packet: &seen}},
		Line{Begin: attempt("forge", trust.Killed)}, Line{End: &End{Attempt: *attempt("forge", trust.Succeeded), Packet: &lost}},
		Line{Begin: attempt("last", trust.Killed)},
	)
	saw := func(p Packet) bool { return p == seen }
	got, done, err := Read(strings.NewReader(log), saw)
	if err != nil || done != nil {
		t.Fatalf("done %v, %v", done, err)
	}
	var outcomes []string
	for _, a := range got {
		outcomes = append(outcomes, a.Outcome+" "+a.Errno)
	}
	want := []string{"refused ", "killed ", "succeeded ", "refused not seen", "killed "}
	if !reflect.DeepEqual(outcomes, want) {
		t.Errorf("outcomes %q, want %q", outcomes, want)
	}
	_, done, err = Read(strings.NewReader(log+written(t, Line{Done: &Done{Error: "no keeper"}})), saw)
	if err != nil || done == nil || done.Error != "no keeper" {
		t.Errorf("done %v, %v", done, err)
	}
}

// TestReadWaitsForTheRest: a line that is not whole yet is an error only if it never is.
// TestTheLastAttemptMayBeTheEnd: after it a thief that is started again says nothing new.
func TestTheLastAttemptMayBeTheEnd(t *testing.T) {
	last := Line{Begin: attempt("last", trust.Killed), Last: true}
	if _, done, err := Read(strings.NewReader(written(t, last)), nil); err != nil || done != nil {
		t.Errorf("done %v, %v before anybody knows how it ended", done, err)
	}
	got, done, err := Read(strings.NewReader(written(t, last, Line{Begin: attempt("first", trust.Killed)})), nil)
	if err != nil || done == nil || len(got) != 1 || got[0].Outcome != trust.Killed {
		t.Errorf("after a restart: %v, done %v, %v", got, done, err)
	}
}

func TestReadRefusesWhatIsNoLine(t *testing.T) {
	if _, _, err := Read(strings.NewReader(prefix+`{"unknown":1}}`+"\n"), nil); err == nil {
		t.Error("an unknown key was read")
	}
	if _, done, err := Read(strings.NewReader(prefix+`{"done":{`), nil); err != nil || done != nil {
		t.Errorf("of half a line: %v, %v", done, err)
	}
}

func TestWord(t *testing.T) {
	for want, err := range map[string]error{
		"EPERM":                  fmt.Errorf("open x: %w", &os.PathError{Op: "open", Path: "x", Err: unix.EPERM}),
		"403":                    &tunnel.StatusError{Status: 403},
		"tls: bad":               errors.New("h2: no greeting: remote error: tls: bad"),
		"one line":               errors.New("one line\nand another"),
		strings.Repeat("x", 120): errors.New(strings.Repeat("x", 500)),
	} {
		if got := word(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

func TestOrdersAreBehindTheProgram(t *testing.T) {
	dir := t.TempDir()
	program, path := filepath.Join(dir, "program"), filepath.Join(dir, "thief")
	if err := os.WriteFile(program, []byte("#!/bin/true\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	want := Orders{By: trust.ByCell, Culprit: "a/b", Group: []string{"a/b"}, Observer: netip.MustParseAddr("10.0.0.9")}
	if err := Write(path, program, want); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(bytes.NewReader(text), int64(len(text)))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read back %+v, %v", got, err)
	}
	if _, err := read(bytes.NewReader(text[:10]), 10); !errors.Is(err, ErrNoOrders) {
		t.Errorf("a program without orders: %v", err)
	}
	if _, err := Own(); !errors.Is(err, ErrNoOrders) {
		t.Errorf("this test has orders: %v", err)
	}
}

func FuzzReadOrders(f *testing.F) {
	f.Add([]byte("x" + `{"by":"cell"}` + "\x00\x00\x00\x00\x00\x00\x00\x0d" + mark))
	f.Add([]byte("x" + "\xff\xff\xff\xff\xff\xff\xff\xff" + mark))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = read(bytes.NewReader(b), int64(len(b)))
	})
}

func FuzzReadLines(f *testing.F) {
	f.Add([]byte(prefix + `{"done":{}}}` + "\n"))
	f.Add([]byte(prefix + `{"begin":{"by":"cell","kind":"x","target":"y","outcome":"killed"}}}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		attempts, _, err := Read(bytes.NewReader(b), func(Packet) bool { return true })
		if err != nil && attempts != nil {
			t.Error("attempts and an error")
		}
	})
}
