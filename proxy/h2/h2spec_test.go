package h2

import (
	_ "embed"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// h2spec examines servers and is somebody else's. Its version is pinned in .tools, so that it comes as the modules do.

//go:embed testdata/h2spec.txt
var h2specKinds string

func h2spec(args ...string) *exec.Cmd {
	c := exec.Command("go", append([]string{"tool", "-modfile=.tools/go.mod", "h2spec", "--strict"}, args...)...)
	c.Dir = "../.."
	return c
}

// cases lists what h2spec has, as it wants it named: http2/5.1/6.
func cases(t *testing.T) []string {
	t.Helper()
	out, err := h2spec("--dryrun", "--port", "1").CombinedOutput()
	if err != nil {
		t.Fatalf("h2spec: %v: %s", err, out)
	}
	parts := map[string]string{"Generic": "generic", "Hypertext": "http2", "HPACK:": "hpack"}
	section, number := regexp.MustCompile(`^ +([0-9.]+)\. `), regexp.MustCompile(`^ +([0-9]+): `)
	var all []string
	var part, at string
	for line := range strings.Lines(string(out)) {
		first, _, _ := strings.Cut(line, " ")
		if p, ok := parts[first]; ok {
			part = p
		} else if m := section.FindStringSubmatch(line); m != nil {
			at = m[1]
		} else if m := number.FindStringSubmatch(line); m != nil {
			all = append(all, part+"/"+at+"/"+m[1])
		}
	}
	if len(all) < 140 {
		t.Fatalf("%d cases: does h2spec list them in another form?\n%s", len(all), out)
	}
	return all
}

// kinds sorts the cases by the words of testdata/h2spec.txt; the most exact line holds.
func kinds(t *testing.T, all []string) map[string][]string {
	t.Helper()
	kind := map[string]string{}
	for line := range strings.Lines(h2specKinds) {
		var word, name string
		if strings.HasPrefix(line, "//") || strings.TrimSpace(line) == "" {
			continue
		}
		if _, err := fmt.Sscanf(line, "%s %s\n", &word, &name); err != nil || word != "answered" && word != "neither" {
			t.Fatalf("testdata/h2spec.txt: %q", line)
		}
		if !slices.ContainsFunc(all, func(c string) bool { return c == name || strings.HasPrefix(c, name+"/") }) {
			t.Errorf("testdata/h2spec.txt: h2spec has no %s", name)
		}
		kind[name] = word
	}
	sorted := map[string][]string{}
	for _, c := range all {
		word := kind[c]
		if word == "" {
			word = kind[c[:strings.LastIndex(c, "/")]]
		}
		sorted[word] = append(sorted[word], c)
	}
	return sorted
}

// examined serves in plaintext until the test ends, and returns the port.
func examined(t *testing.T, h tunnel.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { _ = New(Options{PingInterval: time.Hour}).Serve(t.Context(), c, h) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func TestH2spec(t *testing.T) {
	t.Parallel()
	sorted := kinds(t, cases(t))
	for word, handler := range map[string]tunnel.Handler{
		"answered": func(in tunnel.Incoming) { _ = in.Reject(hbone.StatusBadRequest) },
		"":         func(in tunnel.Incoming) { <-in.Context().Done() },
	} {
		t.Run("streams "+word, func(t *testing.T) {
			apply := sorted[word]
			// Its patience is spent on what fails only.
			out, err := h2spec(append(apply, "--port", examined(t, handler), "--timeout", "30")...).CombinedOutput()
			want := fmt.Sprintf("%d tests, %d passed, 0 skipped, 0 failed", len(apply), len(apply))
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("%v; want %s:\n%s", err, want, out)
			}
			t.Logf("%d cases", len(apply))
		})
	}
	t.Logf("%d cases do not apply", len(sorted["neither"]))
}
