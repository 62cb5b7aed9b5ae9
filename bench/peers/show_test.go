package peers

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what testdata should hold")

// TestConfigurations holds every configuration against the file that people read.
func TestConfigurations(t *testing.T) {
	for _, p := range append(All(), Ztunnel("ztunnel")) {
		for _, e := range []end{clientEnd, serverEnd} {
			got, err := p.shown(e)
			if err != nil {
				t.Fatal(err)
			}
			if p.Name == Direct {
				continue
			}
			file := filepath.Join("testdata", strings.ReplaceAll(p.Name, "/", "-")+"."+string(e))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got); -update writes it:\n%s", file, diff)
			}
		}
	}
}

// TestShowHoldsWhatIsWritten: what people are shown is what a run starts.
func TestShowHoldsWhatIsWritten(t *testing.T) {
	text, err := Show()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range All() {
		if !strings.Contains(text, p.Name+": "+p.About+"\n") {
			t.Errorf("%s is not shown", p.Name)
		}
	}
	eachPair(t, secured, func(t *testing.T, p Peer) {
		c, err := p.Client(t.TempDir(), exampleSide(t))
		if err != nil {
			t.Fatal(err)
		}
		if c.Config == "" {
			return // a command of ours: TestConfigurations holds it
		}
		written, err := os.ReadFile(c.Config)
		if err != nil {
			t.Fatal(err)
		}
		shown, err := p.shown(clientEnd)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := keys(string(written)), keys(shown); !cmp.Equal(a, b) {
			t.Errorf("written and shown (-shown +written):\n%s", cmp.Diff(b, a))
		}
	})
}

// keys are the first words of lines: values differ by machine.
func keys(text string) (all []string) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 && f[0] != "load_module" {
			all = append(all, f[0])
		}
	}
	return all
}

func TestMissingProgram(t *testing.T) {
	if _, err := find("no-such-program-of-anybody"); err == nil {
		t.Error("found")
	}
	err := &NotInstalledError{Nginx, "nginx", install}
	if !strings.Contains(err.Error(), "make bench-tools") || !err.Misuse() {
		t.Errorf("%v", err)
	}
}

func TestSidesAreChecked(t *testing.T) {
	for _, p := range All() {
		if _, err := p.Client(t.TempDir(), Side{}); (err == nil) != (p.Name == Direct) {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	if p, found := Named(NginxTuned); !found || p.Name != NginxTuned {
		t.Errorf("%+v, %v", p, found)
	}
	if _, found := Named("squid"); found {
		t.Error("found")
	}
}

// TestVersions: a run says which program it has measured.
func TestVersions(t *testing.T) {
	eachPair(t, func(p Peer) bool { return secured(p) && p.Name != XNet }, func(t *testing.T, p Peer) {
		if v := p.Version(); v == "" || v[0] < '0' || v[0] > '9' {
			t.Errorf("%q", v)
		}
	})
	if v := (Peer{version: []string{"no-such-program-of-anybody"}}).Version(); v != "" {
		t.Errorf("%q", v)
	}
}

// TestZtunnelsPorts: it has its own, and says so instead of listening elsewhere.
func TestZtunnelsPorts(t *testing.T) {
	p := Ztunnel(bulkhead) // any file that is there
	near, between := netip.MustParseAddrPort("127.0.0.1:15001"), netip.MustParseAddrPort("10.0.0.2:15008")
	app := netip.MustParseAddrPort("127.0.0.1:9300")
	c, err := p.Client(t.TempDir(), Side{Listen: near, Next: between})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(c.Config); err != nil || !strings.Contains(string(text), "10.0.0.2") || c.Ready != near || !slices.Contains(c.Env, "LOCAL_XDS_PATH="+c.Config) {
		t.Errorf("%+v, %v\n%s", c, err, text)
	}
	if c, err = p.Server(t.TempDir(), Side{Listen: between, Next: app}); err != nil || c.Ready != between {
		t.Errorf("%+v, %v", c, err)
	}
	for _, s := range []Side{{Listen: app, Next: between}, {Listen: near, Next: app}} {
		if c, err := p.Client(t.TempDir(), s); err == nil {
			t.Errorf("%+v was accepted: %+v", s, c)
		}
	}
	var missing *NotInstalledError
	if _, err := Ztunnel("/no/such/file").Client(t.TempDir(), Side{Listen: near, Next: between}); !errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
}
