package mesh

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

func prefixes(list ...string) (all []netip.Prefix) {
	for _, p := range list {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

// Conformance 58: every field and its opposite, against plaintext, TLS, and TLS of somebody else.
func TestMatchFields(t *testing.T) {
	tls := Connection{Peer: id(t, "a", "web"), Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddrPort("10.0.0.2:80")}
	plain := tls
	plain.Peer = identity.ID{}
	other := Connection{Peer: id(t, "b", "db"), Source: netip.MustParseAddr("fd00::9"), Destination: netip.MustParseAddrPort("[fd00::2]:443")}
	for _, c := range []struct {
		name              string
		match             Match
		plain, tls, other bool
	}{
		{"principal", Match{Principals: []string{"cluster.local/ns/a/sa/web"}}, false, true, false},
		{"not principal", Match{NotPrincipals: []string{"cluster.local/ns/a/sa/web"}}, true, false, true},
		{"presence", Match{Principals: []string{"*"}}, false, true, true},
		{"not presence", Match{NotPrincipals: []string{"*"}}, true, false, false},
		{"namespace", Match{Namespaces: []string{"a"}}, false, true, false},
		{"not namespace", Match{NotNamespaces: []string{"a"}}, true, false, true},
		{"service account", Match{ServiceAccounts: []ServiceAccount{{"a", "web"}}}, false, true, false},
		{"service account of another namespace", Match{ServiceAccounts: []ServiceAccount{{"b", "web"}}}, false, false, false},
		{"not service account", Match{NotServiceAccounts: []ServiceAccount{{"a", "web"}}}, true, false, true},
		{"source", Match{SourceIPs: prefixes("10.0.0.1/32")}, true, true, false},
		{"source range", Match{SourceIPs: prefixes("192.0.2.0/24", "10.0.0.0/8")}, true, true, false},
		{"source range v6", Match{SourceIPs: prefixes("fd00::/8")}, false, false, true},
		{"everything v4", Match{SourceIPs: prefixes("0.0.0.0/0")}, true, true, false},
		{"not source", Match{NotSourceIPs: prefixes("10.0.0.0/8")}, false, false, true},
		{"destination", Match{DestinationIPs: prefixes("10.0.0.2/32")}, true, true, false},
		{"not destination", Match{NotDestinationIPs: prefixes("10.0.0.2/32", "192.0.2.0/24")}, false, false, true},
		{"port", Match{Ports: []uint16{8080, 80}}, true, true, false},
		{"not port", Match{NotPorts: []uint16{80}}, false, false, true},
		{"two fields", Match{Ports: []uint16{80}, Namespaces: []string{"a"}}, false, true, false},
		{"a field and a not-field", Match{Namespaces: []string{"a", "b"}, NotPorts: []uint16{80}}, false, false, true},
		{"value and its opposite", Match{Ports: []uint16{80}, NotPorts: []uint16{80}}, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Policy{Name: "x", Action: Deny, Scope: ScopeGlobal, Rules: []Rule{{Clauses: []Clause{{c.match}}}}}
			if err := p.validate(); err != nil {
				t.Fatal(err)
			}
			for _, v := range []struct {
				who  string
				conn Connection
				want bool
			}{{"plaintext", plain, c.plain}, {"TLS", tls, c.tls}, {"other TLS", other, c.other}} {
				if got := p.matches(&v.conn); got != v.want {
					t.Errorf("%s: matches %v, want %v", v.who, got, v.want)
				}
			}
		})
	}
	mapped := tls
	mapped.Source = netip.MustParseAddr("::ffff:10.0.0.1")
	if m := (Match{SourceIPs: prefixes("10.0.0.0/8")}); !m.matches(&mapped) {
		t.Error("an IPv4 address in IPv6 clothes is not matched")
	}
}

// Conformance 59: rules are alternatives, clauses are all needed, matches are alternatives; and what empty ones mean.
func TestNesting(t *testing.T) {
	c := Connection{Peer: id(t, "a", "web"), Destination: netip.MustParseAddrPort("10.0.0.2:80")}
	yes, no := Match{Ports: []uint16{80}}, Match{Ports: []uint16{81}}
	for _, v := range []struct {
		name  string
		rules []Rule
		want  bool
	}{
		{"no rules", nil, false},
		{"a rule without clauses", []Rule{{}}, true},
		{"a clause without matches", []Rule{{Clauses: []Clause{{}}}}, true},
		{"a match without fields", []Rule{{Clauses: []Clause{{Match{}}}}}, false},
		{"a match without fields beside one that matches", []Rule{{Clauses: []Clause{{Match{}, yes}}}}, true},
		{"any rule", []Rule{{Clauses: []Clause{{no}}}, {Clauses: []Clause{{yes}}}}, true},
		{"all clauses", []Rule{{Clauses: []Clause{{yes}, {no}}}}, false},
		{"any match", []Rule{{Clauses: []Clause{{no, yes}, {yes, no}}}}, true},
		{"a rule's own match and its clauses", []Rule{{Match: yes, Clauses: []Clause{{no}}}}, false},
		{"a rule's own match alone", []Rule{{Match: yes}}, true},
	} {
		t.Run(v.name, func(t *testing.T) {
			p := Policy{Rules: v.rules}
			if got := p.matches(&c); got != v.want {
				t.Errorf("matches %v, want %v", got, v.want)
			}
		})
	}
}

// Conformance 60: exact, prefix, suffix and presence.
func TestMatchText(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/bc", false}, {"a/b", "", false},
		{"a/*", "a/b", true}, {"a/*", "a/", true}, {"a/*", "a", false}, {"a/*", "ba/", false},
		{"*/b", "a/b", true}, {"*/b", "/b", true}, {"*/b", "b", false},
		{"*", "a", true},
	} {
		if got := matchText(c.pattern, c.text); got != c.want {
			t.Errorf("%q of %q: %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
}

// Conformance 62: DENY before ALLOW, ALLOW of nobody, dry run; with the reason.
func TestDecisions(t *testing.T) {
	c := Connection{Peer: id(t, "a", "web"), Destination: netip.MustParseAddrPort("10.0.0.2:80")}
	plain := Connection{Destination: c.Destination}
	of := func(a Action, port uint16) Policy {
		return Policy{Name: string(a), Namespace: "n", Action: a, Rules: []Rule{{Match: Match{Ports: []uint16{port}}}}}
	}
	dry := func(p Policy) Policy { p.DryRun, p.Name = true, "DRY"; return p }
	strict := Policy{Name: "strict", Namespace: "n", Action: Deny, Rules: []Rule{{Clauses: []Clause{{Match{NotPrincipals: []string{"*"}}}}}}}
	for _, v := range []struct {
		name     string
		policies []Policy
		conn     Connection
		want     string // of String, and what dry run would say where that differs
	}{
		{"none", nil, c, "allowed"},
		{"a deny elsewhere", []Policy{of(Deny, 81)}, c, "allowed"},
		{"deny", []Policy{of(Deny, 80)}, c, "explicitly denied by: n/DENY"},
		{"deny after allow", []Policy{of(Allow, 80), of(Deny, 80)}, c, "explicitly denied by: n/DENY"},
		{"allow", []Policy{of(Deny, 81), of(Allow, 80)}, c, "allowed"},
		{"allow of others", []Policy{of(Allow, 81)}, c, "allow policies exist, but none allowed"},
		{"allow among others", []Policy{of(Allow, 81), of(Allow, 80)}, c, "allowed"},
		{"dry deny", []Policy{dry(of(Deny, 80))}, c, "allowed; dry run: explicitly denied by: n/DRY"},
		{"dry allow of others", []Policy{dry(of(Allow, 81))}, c, "allowed; dry run: allow policies exist, but none allowed"},
		{"dry allow", []Policy{of(Allow, 81), dry(of(Allow, 80))}, c, "allow policies exist, but none allowed; dry run: allowed"},
		{"dry and no difference", []Policy{of(Deny, 80), dry(of(Deny, 80))}, c, "explicitly denied by: n/DENY"},
		{"strict mTLS", []Policy{strict}, plain, "plaintext, but mTLS is strict: n/strict"},
		{"strict mTLS with an identity", []Policy{strict}, c, "allowed"},
	} {
		t.Run(v.name, func(t *testing.T) {
			d := Decide(v.policies, v.conn)
			got := d.String()
			if d.Dry != nil && d.Dry.Allowed != d.Allowed {
				got += "; dry run: " + d.Dry.String()
			}
			if got != v.want || d.Allowed != (d.Reason == "") {
				t.Errorf("%q (allowed %v, reason %q), want %q", got, d.Allowed, d.Reason, v.want)
			}
		})
	}
}

// Conformance 61: a policy that changes its scope is found by those whom it selects now.
func TestScopes(t *testing.T) {
	file := func(scope string) *Snapshot {
		s, err := Parse([]byte(`
trustDomain: cluster.local
workloads:
- {uid: a/web, name: web, namespace: a, addresses: [10.0.0.1], node: n, protocol: HBONE}
- {uid: a/db, name: db, namespace: a, addresses: [10.0.0.2], node: n, protocol: HBONE, policies: [a/p]}
- {uid: b/web, name: web, namespace: b, addresses: [10.0.0.3], node: n, protocol: HBONE}
policies:
- {name: p, namespace: a, scope: `+scope+`, action: DENY, rules: [{}]}
`), 1)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for scope, want := range map[string]string{
		"global": "a/db a/web b/web", "namespace": "a/db a/web", "workload": "a/db", "workload, workloads: [b/web]": "a/db b/web",
	} {
		s := file(scope)
		var got []string
		for _, uid := range []string{"a/db", "a/web", "b/web"} {
			w, _ := s.Workload(uid)
			set := s.Policies(w)
			if len(set.Policies) > 1 {
				t.Errorf("%s: %s has it %d times", scope, uid, len(set.Policies))
			}
			if d := set.Decide(Connection{}); !d.Allowed {
				got = append(got, uid)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("scope %s: denied at %q, want %q", scope, got, want)
		}
	}
}

func TestPolicyErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{name: p, scope: namespace, action: DENY}`:                                                      "needs a namespace",
		`{name: p, scope: global, action: DENY, rules: [{principals: ["a*b"]}]}`:                         "a * stands at one end",
		`{name: p, scope: global, action: DENY, rules: [{principals: [""]}]}`:                            "a * stands at one end",
		`{name: p, scope: global, action: DENY, rules: [{clauses: [[{namespaces: ["*a*"]}]]}]}`:          "clauses[0][0]",
		`{name: p, scope: global, action: DENY, rules: [{serviceAccounts: [{namespace: a, name: ""}]}]}`: "both are required",
		`{name: p, scope: global, action: DENY, rules: [{ports: [0]}]}`:                                  "between 1 and 65535",
		`{name: p, scope: global, action: DENY, rules: [{sourceIPs: ["::ffff:10.0.0.0/104"]}]}`:          "use an IPv4 or IPv6 range",
		`{name: p, scope: global, action: DENY}, {name: p, scope: global, action: ALLOW}`:                "appears twice",
		`{name: p, scope: global, action: DENY, ruels: []}`:                                              "unknown field",
	} {
		_, err := Parse([]byte("trustDomain: cluster.local\npolicies: ["+text+"]"), 1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	_, err := Parse([]byte(strings.Replace(meshFile, "uid: a/db,", "uid: a/db, policies: [a/none],", 1)), 1)
	if err == nil || !strings.Contains(err.Error(), `"a/none", which this mesh does not have`) {
		t.Errorf("a workload names a policy that is not there: %v", err)
	}
}
