package rules

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

func TestVerifyFindsNothingAfterInstall(t *testing.T) {
	placements(t, func(t *testing.T, p Plan) {
		w := newWorld(t)
		for range 3 {
			w.install(p)
			w.must(Verify(w.A, p))
		}
	})
}

func TestVerifyBeforeInstall(t *testing.T) {
	w := newWorld(t)
	ds := w.drift(node)
	if len(ds) != 3+2*2 { // tables, and a rule and a route for each family
		t.Errorf("nothing is installed, and Verify says: %v", ds)
	}
}

func (w *world) drift(p Plan) []Difference {
	w.Helper()
	err := Verify(w.A, p)
	var d *Drift
	if !errors.As(err, &d) {
		w.Fatalf("Verify says %v, want *Drift", err)
	}
	if len(d.Differences) == 0 || !strings.Contains(d.Error(), d.Differences[0].String()) {
		w.Fatalf("%d differences, and the error says: %v", len(d.Differences), d)
	}
	return d.Differences
}

// rule returns one rule of a chain as the library reads it.
func (w *world) rule(k *kernel, tableName, chainName string, index int) *nftables.Rule {
	w.Helper()
	rs, err := k.nft.GetRules(inet(tableName), &nftables.Chain{Name: chainName})
	w.must(err)
	if len(rs) <= index {
		w.Fatalf("chain %s of %s has %d rules", chainName, tableName, len(rs))
	}
	return rs[index]
}

func (w *world) addRule(k *kernel, tableName, chainName string, exprs ...expr.Any) {
	k.nft.AddRule(&nftables.Rule{Table: inet(tableName), Chain: &nftables.Chain{Name: chainName}, Exprs: exprs})
}

func counter() expr.Any { return &expr.Counter{} }

// Each kind of damage, and the words that must be in the report. Install mends
// what is ours.
func TestVerifyDetects(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(*world, *kernel)
		wanted string // in Difference.Wanted of one of them
		found  string // in Difference.Found of one of them
		stays  bool   // somebody else's rule, which Install leaves alone
	}{
		"deleted rule": {
			damage: func(w *world, k *kernel) { w.must(k.nft.DelRule(w.rule(k, captureName, "output", 3))) },
			wanted: "meta mark & 0x00000fff == 0x00000539 accept",
		},
		"flushed chain": {
			damage: func(w *world, k *kernel) {
				k.nft.FlushChain(&nftables.Chain{Name: "output", Table: inet(captureName)})
			},
			wanted: "redirect to :15001",
		},
		"extra rule": {
			damage: func(w *world, k *kernel) { w.addRule(k, captureName, "output", accept()...) },
			found:  "accept",
		},
		"extra rule of an unknown kind": {
			damage: func(w *world, k *kernel) { w.addRule(k, guardName, "postrouting", counter()) },
			found:  "[counter ",
		},
		"order": {
			damage: func(w *world, k *kernel) {
				w.must(k.nft.DelRule(w.rule(k, captureName, "output", 0)))
				r := captureTable(node).chains[1].rules[0]
				k.nft.AddRule(&nftables.Rule{Table: inet(captureName), Chain: &nftables.Chain{Name: "output"}, Exprs: r.exprs, UserData: r.userData()})
			},
			wanted: "oifname \"lo\" accept",
			found:  "oifname \"lo\" accept",
		},
		"wrong port": {
			damage: func(w *world, k *kernel) {
				r := w.rule(k, captureName, "output", 4)
				r.Exprs = newRule("", isTCP(), setConnMark(redirect.MarkCaptured), redirectTo(9)).exprs
				k.nft.ReplaceRule(r)
			},
			wanted: "redirect to :15001",
			found:  "redirect to :9",
		},
		"prefix instead of name": {
			damage: func(w *world, k *kernel) {
				r := w.rule(k, captureName, "output", 0)
				r.Exprs = append([]expr.Any{load(expr.MetaKeyOIFNAME), equal([]byte("lo"))}, accept()...)
				k.nft.ReplaceRule(r)
			},
			wanted: "oifname \"lo\" accept",
			found:  "oifname \"lo\"* accept",
		},
		"zone for both directions": { // which the library writes by itself
			damage: func(w *world, k *kernel) {
				k.nft.FlushChain(&nftables.Chain{Name: zoneChain, Table: inet(keepName)})
				w.addRule(k, keepName, zoneChain, slices.Concat(isDelivery(), setOriginalZone(deliveryZone))...)
			},
			wanted: "ct original zone set 1",
			found:  "[ct ",
		},
		"deleted capture table": {
			damage: func(w *world, k *kernel) { k.nft.DelTable(inet(captureName)) },
			wanted: "table",
		},
		"deleted keep table": {
			damage: func(w *world, k *kernel) { k.nft.DelTable(inet(keepName)) },
			wanted: "table",
		},
		"deleted guard table": {
			damage: func(w *world, k *kernel) { k.nft.DelTable(inet(guardName)) },
			wanted: "table",
		},
		"closed door": {
			damage: func(w *world, k *kernel) { w.must(k.put(StepTable, guardTable(true))) },
			found:  "capture is being removed",
		},
		"source rule deleted": {
			damage: func(w *world, k *kernel) { w.must(k.nft.DelRule(w.rule(k, guardName, "source", 2))) },
			wanted: "fib saddr type != local drop",
		},
		"dormant table": {
			damage: func(w *world, k *kernel) { w.sleep(k, captureName) },
			wanted: "table",
			found:  "flags",
		},
		"deleted chain": {
			damage: func(w *world, k *kernel) {
				c := &nftables.Chain{Name: "restore", Table: inet(keepName)}
				k.nft.FlushChain(c)
				k.nft.DelChain(c)
			},
			wanted: "type route hook output",
		},
		"extra chain": {
			damage: func(w *world, k *kernel) {
				k.nft.AddChain(&nftables.Chain{
					Name: "early", Table: inet(captureName), Type: nftables.ChainTypeNAT,
					Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityRef(-110),
				})
				w.addRule(k, captureName, "early", accept()...)
			},
			found: "priority -110",
		},
		"policy": {
			damage: func(w *world, k *kernel) {
				c, policy := guardTable(false).chains[0], nftables.ChainPolicyDrop
				k.nft.AddChain(&nftables.Chain{Name: c.name, Table: inet(guardName), Type: c.kind, Hooknum: c.hook, Priority: c.priority, Policy: &policy})
			},
			wanted: "policy accept",
			found:  "policy drop",
		},
		"chain elsewhere": {
			damage: func(w *world, k *kernel) {
				g := guardTable(false)
				g.chains[0].hook = nftables.ChainHookInput
				w.must(k.put(StepTable, g))
			},
			wanted: "hook postrouting",
			found:  "hook input",
		},
		"missing ip rule": {
			damage: func(w *world, k *kernel) { w.must(k.ip.RuleDel(ipv4.rule())) },
			wanted: "fwmark 0x111/0xfff",
		},
		"missing IPv6 rule": {
			damage: func(w *world, k *kernel) { w.must(k.ip.RuleDel(ipv6.rule())) },
			wanted: "fwmark 0x111/0xfff",
		},
		"other mask": {
			damage: func(w *world, k *kernel) {
				w.must(k.ip.RuleDel(ipv4.rule()))
				r := ipv4.rule()
				mask := uint32(0xff)
				r.Mask = &mask
				w.must(k.ip.RuleAdd(r))
			},
			wanted: "0x111/0xfff",
			found:  "0x111/0xff ",
			stays:  true,
		},
		"rule for some only": {
			damage: func(w *world, k *kernel) {
				w.must(k.ip.RuleDel(ipv4.rule()))
				r := ipv4.rule()
				r.IifName = "eth0"
				w.must(k.ip.RuleAdd(r))
			},
			wanted: "fwmark 0x111/0xfff",
			found:  "iif eth0",
			stays:  true,
		},
		"missing route": {
			damage: func(w *world, k *kernel) { w.must(k.ip.RouteDel(ipv4.route(1))) },
			wanted: "local 0.0.0.0/0 dev lo",
		},
		"missing IPv6 route": {
			damage: func(w *world, k *kernel) { w.must(k.ip.RouteDel(ipv6.route(1))) },
			wanted: "local ::/0 dev lo",
		},
		"route elsewhere": {
			damage: func(w *world, k *kernel) {
				eth0, err := k.ip.LinkByName("eth0")
				w.must(err)
				w.must(k.ip.RouteReplace(&netlink.Route{
					Family: unix.AF_INET, Dst: &ipv4.all, LinkIndex: eth0.Attrs().Index, Table: replyTable, Scope: unix.RT_SCOPE_LINK,
				}))
			},
			wanted: "local 0.0.0.0/0 dev lo",
			found:  "dev #",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.install(node)
			w.edit(func(k *kernel) { test.damage(w, k) })
			ds := w.drift(node)
			if !contains(ds, test.wanted, test.found) {
				t.Errorf("wanted %q, found %q is not in:\n%v", test.wanted, test.found, ds)
			}
			w.install(node)
			if err := Verify(w.A, node); (err != nil) != test.stays {
				t.Error("after Install: ", err)
			}
		})
	}
}

func contains(ds []Difference, wanted, found string) bool {
	sawWanted, sawFound := wanted == "", found == ""
	for _, d := range ds {
		sawWanted = sawWanted || strings.Contains(d.Wanted, wanted)
		sawFound = sawFound || strings.Contains(d.Found, found)
	}
	return sawWanted && sawFound
}

// sleep makes a table dormant, for which the library has no call.
func (w *world) sleep(k *kernel, name string) {
	w.Helper()
	w.must(k.nft.Flush())
	w.must(makeDormant(w.A, name))
}

func TestVerifyOtherPlacement(t *testing.T) {
	w := newWorld(t)
	w.install(sidecar)
	ds := w.drift(node)
	if len(ds) != 6 || !contains(ds, ":15001", ":16001") || !contains(ds, ":15006", ":16006") || !contains(ds, ":15008", ":16008") {
		t.Errorf("node is wanted, sidecar is installed: %v", ds)
	}
}

func TestVerifyWantsIPv6OnceItIsThere(t *testing.T) {
	w := newWorld(t)
	const off = "/proc/sys/net/ipv6/conf/all/disable_ipv6"
	w.must(w.A.Do(func() error { return os.WriteFile(off, []byte("1"), 0) }))
	w.install(node)
	w.must(Verify(w.A, node))
	w.must(w.A.Do(func() error { return os.WriteFile(off, []byte("0"), 0) }))
	if ds := w.drift(node); len(ds) != 2 || !contains(ds, "local ::/0", "") {
		t.Errorf("IPv6 was switched on, and Verify says: %v", ds)
	}
	w.install(node)
	w.must(Verify(w.A, node))
}

func TestPlansThatMakeNoSense(t *testing.T) {
	for _, ports := range []redirect.Ports{{}, {Outbound: 1, Plaintext: 2}, {Outbound: 1, Plaintext: 1, HBONE: 2}, {Outbound: 2, Plaintext: 1, HBONE: 1}} {
		var wrong *PlanError
		if err := Install(nil, Plan{Ports: ports}); !errors.As(err, &wrong) {
			t.Errorf("install %+v: %v", ports, err)
		}
		if err := Verify(nil, Plan{Ports: ports}); !errors.As(err, &wrong) {
			t.Errorf("verify %+v: %v", ports, err)
		}
	}
}
