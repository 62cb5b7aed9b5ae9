package rules

import (
	"fmt"
	"slices"

	"github.com/google/nftables"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Verify reads back what is installed. It returns nil when that is exactly what
// Install(n, p) installs, and *Drift when it is not. Tables of others are not
// looked at.
func Verify(n *netns.Namespace, p Plan) error {
	if err := p.check(); err != nil {
		return err
	}
	k, err := openKernel(n)
	if err != nil {
		return err
	}
	defer k.close()
	families, err := k.families()
	if err != nil {
		return err
	}
	found, err := k.found(families)
	if err != nil {
		return err
	}
	if ds := differences(wanted(p, families), found); len(ds) > 0 {
		return &Drift{Namespace: n.Inode(), Differences: ds}
	}
	return nil
}

// Clean is nil when nothing of Install is left in the namespace, and *Drift when something
// is: our tables, and ip rules and routes where ours would be.
func Clean(n *netns.Namespace) error {
	k, err := openKernel(n)
	if err != nil {
		return err
	}
	defer k.close()
	families, err := k.families()
	if err != nil {
		return err
	}
	found, err := k.found(families)
	if err != nil {
		return err
	}
	if ds := differences(newState(), found); len(ds) > 0 {
		return &Drift{Namespace: n.Inode(), Differences: ds}
	}
	return nil
}

func tablePlace(table string) string        { return "table inet " + table }
func chainPlace(table, chain string) string { return tablePlace(table) + ", chain " + chain }
func rulePlace(f ipFamily) string           { return f.name + " rules" }
func routePlace(f ipFamily) string          { return fmt.Sprintf("%s routes of table %d", f.name, replyTable) }

func tableWords(flags uint32) string {
	if flags != 0 { // dormant, or owned by a process
		return fmt.Sprintf("table with flags %#x", flags)
	}
	return "table"
}

// wanted is the state after Install.
func wanted(p Plan, families []ipFamily) *state {
	s := newState()
	for _, t := range tables(p) {
		s.add(tablePlace(t.name), tableWords(0))
		for _, c := range t.chains {
			s.add(chainPlace(t.name, c.name), c.String())
			for _, r := range c.rules {
				s.add(chainPlace(t.name, c.name), r.String())
			}
		}
	}
	for _, f := range families {
		s.add(rulePlace(f), wantedRule)
		s.add(routePlace(f), f.wantedRoute())
	}
	return s
}

var ourTables = []string{captureName, keepName, guardName}

// found is the state of our tables, ip rules and routes in the kernel.
func (k *kernel) found(families []ipFamily) (*state, error) {
	s := newState()
	if err := k.findTables(s); err != nil {
		return nil, err
	}
	for _, f := range families {
		rules, err := k.ipRules(f)
		if err != nil {
			return nil, err
		}
		routes, err := k.routes(f)
		if err != nil {
			return nil, err
		}
		s.add(rulePlace(f), rules...)
		s.add(routePlace(f), routes...)
	}
	return s, nil
}

func (k *kernel) findTables(s *state) error {
	ts, err := k.nft.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return k.fail(StepList, "tables", err)
	}
	chains, err := k.chains()
	if err != nil {
		return err
	}
	rules, err := k.rules()
	if err != nil {
		return err
	}
	for _, t := range ts {
		if slices.Contains(ourTables, t.Name) {
			s.add(tablePlace(t.Name), tableWords(t.Flags))
		}
	}
	for _, c := range chains {
		if slices.Contains(ourTables, c.Table.Name) {
			s.add(chainPlace(c.Table.Name, c.Name), foundHead(c))
		}
	}
	for _, r := range rules {
		if slices.Contains(ourTables, r.table) {
			s.add(chainPlace(r.table, r.chain), r.words)
		}
	}
	return nil
}
