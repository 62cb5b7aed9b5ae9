package discovery

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
)

func addressesOf(all []bearer.Target) (out []string) {
	for _, t := range all {
		out = append(out, t.Address)
	}
	return out
}

// Proxies share the replicas, whatever the order of the file; of one that is gone the
// others take over a part each, and nobody else moves.
func TestInOrder(t *testing.T) {
	const proxies = 3000
	c := Config{Addresses: []string{"unix:///a", "unix:///b", "unix:///c"}}
	without := Config{Addresses: []string{"unix:///c", "unix:///b"}}
	first, second := map[string]int{}, map[string]int{}
	for i := range proxies {
		name := fmt.Sprintf("node-%d", i)
		got := addressesOf(inOrder(name, c.targets()))
		if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, c.Addresses) {
			t.Fatalf("%s tries %v", name, got)
		}
		first[got[0]]++
		rest := slices.DeleteFunc(slices.Clone(got), func(a string) bool { return a == "unix:///a" })
		if now := addressesOf(inOrder(name, without.targets())); !slices.Equal(now, rest) {
			t.Fatalf("%s tries %v, and %v without one of them", name, got, now)
		}
		if got[0] == "unix:///a" {
			second[got[1]]++
		}
	}
	for _, a := range c.Addresses {
		if first[a] < proxies/4 || a != "unix:///a" && second[a] < proxies/9 {
			t.Errorf("%s is the first of %d, and the second of %d", a, first[a], second[a])
		}
	}
	if got := replicas(Config{Address: "unix:///x"}, "n"); len(got) != 1 || got[0].Name != "unix:///x" {
		t.Errorf("of a single address: %+v", got)
	}
}
