package jail

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

const someUID = 65533 // mapped wherever more than one is

func wantCaps(t *testing.T, got sight, names ...string) {
	t.Helper()
	mask, err := capabilityBits(names)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		if want := fmt.Sprintf("%016x", mask); got.Status[set] != want {
			t.Errorf("%s %s, want %s", set, got.Status[set], want)
		}
	}
}

// As uid 0, exec would otherwise give everything back.
func TestCapabilitiesOfRoot(t *testing.T) {
	for _, noNewPrivs := range []bool{false, true} {
		for _, caps := range [][]string{nil, {"net_raw"}, {"net_raw", "sys_admin"}, {"checkpoint_restore"}} {
			t.Run(fmt.Sprint(caps, noNewPrivs), func(t *testing.T) {
				got := mustRun(t, Spec{Netns: -1, Caps: caps, NoNewPrivs: noNewPrivs})
				wantCaps(t, got, caps...)
				if want := map[bool]string{false: "0", true: "1"}[noNewPrivs]; got.Status["NoNewPrivs"] != want {
					t.Errorf("NoNewPrivs %s, want %s", got.Status["NoNewPrivs"], want)
				}
				if opened := got.Raw == ""; opened != slices.Contains(caps, "net_raw") {
					t.Errorf("raw socket: %q", got.Raw)
				}
				if got.Status["Uid"] != "0 0 0 0" {
					t.Errorf("uid %s, want 0", got.Status["Uid"])
				}
			})
		}
	}
}

func TestAnotherUser(t *testing.T) {
	for _, noNewPrivs := range []bool{false, true} {
		s := Spec{Netns: -1, UID: someUID, GID: someUID - 1, Caps: []string{"net_raw", "sys_admin"}, NoNewPrivs: noNewPrivs}
		got, err := run(t, s)
		if !mayChangeUser(t) {
			if err == nil || !strings.Contains(err.Error(), "configure no uids") {
				t.Errorf("uid that is not mapped: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		wantCaps(t, got, s.Caps...)
		if got.Raw != "" {
			t.Errorf("raw socket: %s", got.Raw)
		}
		for key, id := range map[string]int{"Uid": s.UID, "Gid": s.GID} {
			if want := strings.TrimSpace(strings.Repeat(fmt.Sprint(id, " "), 4)); got.Status[key] != want {
				t.Errorf("%s %s, want %s", key, got.Status[key], want)
			}
		}
		if got.Status["Groups"] != "" {
			t.Errorf("supplementary groups %s", got.Status["Groups"])
		}
	}
}

func TestAnotherUserWithoutCapabilities(t *testing.T) {
	if !mayChangeUser(t) {
		return // TestAnotherUser has looked at the sentence
	}
	got := mustRun(t, Spec{Netns: -1, UID: someUID})
	wantCaps(t, got)
	if got.Raw == "" {
		t.Error("opened a raw socket without net_raw")
	}
}

// TestEmptyNetns: neither the parent's namespace nor that of another.
func TestEmptyNetns(t *testing.T) {
	spec := Spec{Netns: EmptyNetns, Caps: []string{"net_raw"}, NoNewPrivs: true}
	stay := mustRun(t, Spec{Netns: -1, Caps: []string{"net_raw"}, NoNewPrivs: true})
	first, second := mustRun(t, spec), mustRun(t, spec)
	if first.Netns == stay.Netns || second.Netns == stay.Netns {
		t.Errorf("namespaces %d and %d, the parent's is %d", first.Netns, second.Netns, stay.Netns)
	}
}

func TestNetns(t *testing.T) {
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(ns.File().Fd()), &st); err != nil {
		t.Fatal(err)
	}
	r, w := pipe(t)
	defer r.Close()
	defer w.Close()
	got := mustRun(t, Spec{Netns: 4, Caps: []string{"net_raw"}, NoNewPrivs: true}, r, ns.File())
	if got.Netns != st.Ino {
		t.Errorf("runs in network namespace %d, want %d", got.Netns, st.Ino)
	}
	if want := []string{"3 pipe"}; !slices.Equal(got.Files, want) {
		t.Errorf("descriptors %v, want %v", got.Files, want)
	}
	if stay := mustRun(t, Spec{Netns: -1, Files: -1}); stay.Netns == st.Ino || stay.Netns == 0 {
		t.Errorf("without --netns-fd it runs in %d", stay.Netns)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

func TestDescriptors(t *testing.T) {
	r, w := pipe(t)
	defer r.Close()
	defer w.Close()
	given := []*os.File{r, w, r, w}
	for _, tc := range []struct {
		files int
		want  []string
	}{
		{-1, nil},
		{0, []string{"3 pipe"}},
		{1, []string{"3 pipe"}},
		{2, []string{"3 pipe", "4 pipe"}},
		{4, []string{"3 pipe", "4 pipe", "5 pipe", "6 pipe"}},
	} {
		got := mustRun(t, Spec{Netns: -1, Files: tc.files}, given...)
		if !slices.Equal(got.Files, tc.want) {
			t.Errorf("--files %d: %v, want %v", tc.files, got.Files, tc.want)
		}
	}
}

func TestArgumentsReachTheProgram(t *testing.T) {
	got := mustRun(t, Spec{Netns: -1, Argv: []string{"/proc/self/exe", "--", "-x", "", "a b"}})
	if want := []string{"/proc/self/exe", "--", "-x", "", "a b"}; !slices.Equal(got.Args, want) {
		t.Errorf("arguments %q, want %q", got.Args, want)
	}
}

// A checkout in root's home must run: the cell's uid cannot search the way to it.
func TestProgramBehindClosedDirectory(t *testing.T) {
	if !mayChangeUser(t) {
		return // nobody to be locked out
	}
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "program")
	copyProgram(t, path, 0o755)
	got := mustRun(t, Spec{Netns: -1, UID: someUID, GID: someUID, Caps: []string{"net_raw"}, NoNewPrivs: true, Argv: []string{path, "x"}})
	wantCaps(t, got, "net_raw")
	if !slices.Equal(got.Args, []string{path, "x"}) || len(got.Files) != 0 {
		t.Errorf("arguments %q, descriptors %v", got.Args, got.Files)
	}
	if err := os.Chmod(path, 0o744); err != nil {
		t.Fatal(err)
	}
	_, err := run(t, Spec{Netns: -1, UID: someUID, GID: someUID, Argv: []string{path}})
	if err == nil || !strings.Contains(err.Error(), "must be executable by the cell's uid") {
		t.Errorf("a program that is root's alone: %v", err)
	}
}

func copyProgram(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, mode)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}
