package keeper

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// meshOf is a mesh of n workloads, the first of which is of the process under test.
func meshOf(t *testing.T, n int) *mesh.Snapshot {
	t.Helper()
	s, _ := (*mesh.Snapshot)(nil).With(changeOf(t, 0, n, "sa"), 1)
	return s
}

func changeOf(t *testing.T, first, n int, account string) (c mesh.Change) {
	t.Helper()
	for i := first; i < first+n; i++ {
		if err := c.SetWorkload(mesh.Workload{UID: fmt.Sprint("w", i), Name: "w", Namespace: "a", ServiceAccount: account, Addresses: []netip.Addr{numbered(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func numbered(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// A process is told of what it asked for and of its own workloads, and of nothing else.
func TestAProcessHearsOnlyItsNews(t *testing.T) {
	s := meshOf(t, 5000)
	x := &process{pods: map[string]*pod{"w0": nil}}
	for i := range 2500 {
		x.asked.note(numbered(i * 2))
	}
	x.asked.note(netip.MustParseAddr("::ffff:10.0.0.2"))
	told := func(c mesh.Change) (addresses []netip.Addr, workloads []string, messages int) {
		_, e := s.With(c, 2)
		for _, m := range x.outdated(2, e) {
			if m.Version != 2 || len(m.Addresses)+len(m.Workloads) == 0 {
				t.Errorf("told %+v", m)
			}
			addresses, workloads, messages = append(addresses, m.Addresses...), append(workloads, m.Workloads...), messages+1
		}
		return addresses, workloads, messages
	}
	if a, w, n := told(changeOf(t, 3, 1, "other")); n != 0 {
		t.Errorf("told of what it never asked for: %v %v", a, w)
	}
	if a, w, _ := told(changeOf(t, 4, 1, "other")); len(a) != 1 || a[0] != numbered(4) || w != nil {
		t.Errorf("told %v %v, want the one address", a, w)
	}
	a, w, n := told(changeOf(t, 0, 5000, "other"))
	if len(a) != 2500 || !slices.Equal(w, []string{"w0"}) || n != 4 {
		t.Errorf("told of %d addresses and %v in %d messages, want 2500, w0 and 4", len(a), w, n)
	}
	if a, _, n := told(mesh.Change{}); n != 0 {
		t.Errorf("told of %v where nothing changed", a)
	}
}

// Who asks for more than the keeper remembers is told to forget everything.
func TestWhoAsksTooMuchForgetsEverything(t *testing.T) {
	s := meshOf(t, 1)
	x := &process{}
	for i := range maxAsked + 2 {
		x.asked.note(numbered(i))
	}
	_, e := s.With(changeOf(t, 7, 1, "sa"), 2)
	if m := x.outdated(2, e); len(m) != 1 || len(m[0].Addresses)+len(m[0].Workloads) != 0 || x.asked.addresses != nil {
		t.Errorf("told %+v and remembers %d", m, len(x.asked.addresses))
	}
}
