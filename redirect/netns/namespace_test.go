package netns_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

func newNamespace(t *testing.T) *netns.Namespace {
	t.Helper()
	n, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func TestOpenRefusesWhatIsNoNetns(t *testing.T) {
	regular := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(regular, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		regular:                  netns.ErrNotNetns,
		"/proc/self/ns/uts":      netns.ErrNotNetns,
		"/dev/null":              netns.ErrNotNetns,
		regular + ".not-there":   fs.ErrNotExist,
		"/proc/self/fd/99999999": fs.ErrNotExist,
	} {
		n, err := netns.Open(path)
		var typed *netns.Error
		if !errors.Is(err, want) || !errors.As(err, &typed) || typed.Op != netns.OpOpen {
			t.Errorf("open %s: %v, want %v at stage open", path, err, want)
		}
		if err == nil {
			n.Close()
		}
	}
}

func TestOpenKnowsItsOwn(t *testing.T) {
	for _, path := range []string{"/proc/self/ns/net", "/proc/thread-self/ns/net"} {
		n, err := netns.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if !n.IsOwn() || n.Inode() != netns.Own().Inode() || n.File() == nil {
			t.Errorf("%s is %s, own is %s", path, n.Inode(), netns.Own().Inode())
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := netns.Own().Close(); err != nil {
		t.Error("close own: ", err)
	}
	if err := netns.Own().Do(func() error { return nil }); err != nil {
		t.Error("own does not work after Close: ", err)
	}
}

func TestNewIsAnother(t *testing.T) {
	a, b := newNamespace(t), newNamespace(t)
	if a.Inode() == b.Inode() || a.IsOwn() || b.IsOwn() {
		t.Errorf("own %s, made %s and %s", netns.Own().Inode(), a.Inode(), b.Inode())
	}
	if opened := reopen(t, a); opened.Inode() != a.Inode() {
		t.Errorf("reopened %s as %s", a.Inode(), opened.Inode())
	}
}

func reopen(t *testing.T, n *netns.Namespace) *netns.Namespace {
	t.Helper()
	again, err := netns.Open(filepath.Join("/proc/self/fd", itoa(int(n.File().Fd()))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

func TestLoopbackOfNewIsUp(t *testing.T) {
	n := newNamespace(t)
	l, err := n.Listen(netns.ListenOptions{Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, addr := range []string{"127.0.0.1:8080", "[::1]:8080"} {
		c, err := n.Dial(t.Context(), netns.DialOptions{Remote: addrPort(addr)})
		if err != nil {
			t.Error(err)
			continue
		}
		c.Close()
	}
}
