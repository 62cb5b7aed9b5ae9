package mesh

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// The naive model: policies as sentences of logic, spelled out and evaluated one by one,
// with regular expressions and bit strings in place of what the real one uses.

func naiveDecide(policies []Policy, c Connection) bool {
	denied, allowed, allows := false, false, 0
	for _, p := range policies {
		if p.DryRun {
			continue
		}
		matches := false
		for _, r := range p.Rules {
			rule := true
			if own := naiveFields(r.Match, c); len(own) > 0 {
				rule = naiveAll(own)
			}
			for _, l := range r.Clauses {
				clause := len(l) == 0
				for _, m := range l {
					fields := naiveFields(m, c)
					clause = clause || len(fields) > 0 && naiveAll(fields)
				}
				rule = rule && clause
			}
			matches = matches || rule
		}
		if p.Action == Allow {
			allows++
			allowed = allowed || matches
		} else {
			denied = denied || matches
		}
	}
	return !denied && (allows == 0 || allowed)
}

func naiveAll(all []bool) bool {
	for _, v := range all {
		if !v {
			return false
		}
	}
	return true
}

// naiveFields is one truth for each field that is set.
func naiveFields(m Match, c Connection) (all []bool) {
	add := func(n int, not bool, is func(i int) bool) {
		if n == 0 {
			return
		}
		any := false
		for i := range n {
			any = any || is(i)
		}
		all = append(all, any != not)
	}
	texts := func(values []string, not bool, text string) {
		add(len(values), not, func(i int) bool {
			quoted := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimPrefix(values[i], "spiffe://")), `\*`, ".*")
			return text != "" && regexp.MustCompile("^"+quoted+"$").MatchString(text)
		})
	}
	bits := func(values []netip.Prefix, not bool, a netip.Addr) {
		add(len(values), not, func(i int) bool {
			v, x := values[i].Addr().AsSlice(), a.Unmap().AsSlice()
			if len(v) != len(x) {
				return false
			}
			var vs, xs strings.Builder
			for j := range v {
				fmt.Fprintf(&vs, "%08b", v[j])
				fmt.Fprintf(&xs, "%08b", x[j])
			}
			return vs.String()[:values[i].Bits()] == xs.String()[:values[i].Bits()]
		})
	}
	peer := strings.TrimPrefix(c.Peer.String(), "spiffe://")
	parts := append(strings.Split(peer, "/"), "", "", "", "", "")
	texts(m.Principals, false, peer)
	texts(m.NotPrincipals, true, peer)
	texts(m.Namespaces, false, parts[2])
	texts(m.NotNamespaces, true, parts[2])
	account := func(v []ServiceAccount) func(int) bool {
		return func(i int) bool { return v[i].Namespace == parts[2] && v[i].Name == parts[4] }
	}
	add(len(m.ServiceAccounts), false, account(m.ServiceAccounts))
	add(len(m.NotServiceAccounts), true, account(m.NotServiceAccounts))
	bits(m.SourceIPs, false, c.Source)
	bits(m.NotSourceIPs, true, c.Source)
	bits(m.DestinationIPs, false, c.Destination.Addr())
	bits(m.NotDestinationIPs, true, c.Destination.Addr())
	port := func(v []uint16) func(int) bool { return func(i int) bool { return v[i] == c.Destination.Port() } }
	add(len(m.Ports), false, port(m.Ports))
	add(len(m.NotPorts), true, port(m.NotPorts))
	return all
}

// some picks few values, mostly none, out of a small world: in a large one nothing would
// ever match.
func some[T any](r *rand.Rand, from ...T) (all []T) {
	for r.IntN(4) == 0 {
		all = append(all, from[r.IntN(len(from))])
	}
	return all
}

func randomMatch(r *rand.Rand) Match {
	principals := []string{"*", "cluster.local/ns/a/*", "*/sa/web", "cluster.local/ns/a/sa/web", "spiffe://cluster.local/ns/b/sa/db", "spiffe://cluster.local/*"}
	namespaces := []string{"a", "b", "*", "a*", "*b"}
	accounts := []ServiceAccount{{"a", "web"}, {"b", "db"}, {"a", "db"}}
	ranges := prefixes("10.0.0.1/32", "10.0.0.0/30", "0.0.0.0/0", "fd00::/8", "::/0", "fd00::2/127")
	ports := []uint16{80, 81}
	return Match{
		some(r, principals...), some(r, principals...), some(r, namespaces...), some(r, namespaces...), some(r, accounts...), some(r, accounts...),
		some(r, ranges...), some(r, ranges...), some(r, ranges...), some(r, ranges...), some(r, ports...), some(r, ports...),
	}
}

func randomPolicies(r *rand.Rand) (all []Policy) {
	for i := range r.IntN(4) {
		p := Policy{Name: fmt.Sprint("p", i), Namespace: "n", Scope: ScopeGlobal, Action: []Action{Allow, Deny}[r.IntN(2)], DryRun: r.IntN(5) == 0}
		for range r.IntN(3) {
			rule := Rule{}
			if r.IntN(2) == 0 {
				rule.Match = randomMatch(r)
			}
			for range r.IntN(3) {
				clause := Clause{}
				for range r.IntN(3) {
					clause = append(clause, randomMatch(r))
				}
				rule.Clauses = append(rule.Clauses, clause)
			}
			p.Rules = append(p.Rules, rule)
		}
		all = append(all, p)
	}
	return all
}

func randomConnection(r *rand.Rand) Connection {
	var peer identity.ID
	if text := []string{"", "spiffe://cluster.local/ns/a/sa/web", "spiffe://cluster.local/ns/b/sa/db", "spiffe://other.domain/ns/a/sa/web"}[r.IntN(4)]; text != "" {
		peer, _ = identity.Parse(text)
	}
	address := func() netip.Addr {
		return netip.MustParseAddr([]string{"10.0.0.1", "10.0.0.2", "192.0.2.1", "::ffff:10.0.0.1", "fd00::2", "2001:db8::1"}[r.IntN(6)])
	}
	return Connection{Peer: peer, Source: address(), Destination: netip.AddrPortFrom(address(), uint16(80+r.IntN(3)))}
}

// FuzzDecide: the decision is that of the naive model, and a hold between two sets is never
// more lenient than the earlier one.
func FuzzDecide(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		earlier, known := randomPolicies(r), randomPolicies(r)
		for _, p := range earlier {
			if err := p.validate(); err != nil {
				t.Fatal(err)
			}
		}
		held := (PolicySet{Policies: known, Unknown: []string{"n/later"}}).After(&PolicySet{Policies: earlier})
		for range 20 {
			c := randomConnection(r)
			d := Decide(earlier, c)
			if d.Allowed != naiveDecide(earlier, c) {
				t.Fatalf("allowed %v (%s), the model says otherwise\npolicies %+v\nconnection %+v", d.Allowed, d, earlier, c)
			}
			if (&held).Decide(c).Allowed && !d.Allowed {
				t.Fatalf("let in between two sets, though the earlier one denied: %+v", c)
			}
		}
	})
}
