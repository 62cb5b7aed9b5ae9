package rules

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
)

// A batch is sent as a whole or not at all. Nothing of it takes effect before
// all of it does.

// put makes tables what is wanted, in one batch.
func (k *kernel) put(step Step, ts ...table) error {
	installed, err := k.chains()
	if err != nil {
		return err
	}
	for _, t := range ts {
		if broken(t, installed) {
			k.recreate(t)
		}
		k.refill(t)
	}
	return k.fail(step, names(ts), k.nft.Flush())
}

// refill flushes the chains and adds the rules, in place. Tables and chains are
// made where they are missing, and left alone where they are there.
func (k *kernel) refill(t table) {
	kt := k.nft.AddTable(t.kernel())
	for _, c := range t.chains {
		k.nft.AddChain(c.kernel(kt))
	}
	k.nft.FlushTable(kt)
	for _, c := range t.chains {
		for _, r := range c.rules {
			k.nft.AddRule(&nftables.Rule{Table: kt, Chain: c.kernel(kt), Exprs: r.exprs, UserData: r.userData()})
		}
	}
}

// recreate clears the way for refill where somebody has changed the chains: the
// kernel does not hook a chain elsewhere. This has the gap that the package
// documentation tells of, and so is kept for what should not happen.
func (k *kernel) recreate(t table) {
	k.nft.AddTable(t.kernel()) // so that there is something to delete
	k.nft.DelTable(t.kernel())
}

// broken reports whether installed chains of t differ from the wanted ones in
// more than rules. Missing ones do not count: refill makes them.
func broken(t table, installed []*nftables.Chain) bool {
	for _, found := range installed {
		if found.Table.Name != t.name {
			continue
		}
		same := func(c chain) bool { return c.name == found.Name && c.String() == foundHead(found) }
		if !slices.ContainsFunc(t.chains, same) {
			return true
		}
	}
	return false
}

// drop deletes those of the named tables that are there, in one batch.
func (k *kernel) drop(tables ...string) error {
	there, err := k.nft.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return k.fail(StepList, "tables", err)
	}
	for _, t := range there {
		if slices.Contains(tables, t.Name) {
			k.nft.DelTable(t)
		}
	}
	return k.fail(StepDelete, "", k.nft.Flush())
}

func (t table) kernel() *nftables.Table {
	return &nftables.Table{Name: t.name, Family: nftables.TableFamilyINet}
}

func (c chain) kernel(t *nftables.Table) *nftables.Chain {
	policy := nftables.ChainPolicyAccept
	return &nftables.Chain{Name: c.name, Table: t, Type: c.kind, Hooknum: c.hook, Priority: c.priority, Policy: &policy}
}

// userData is where nft keeps comments.
func (r rule) userData() []byte {
	if r.comment == "" {
		return nil
	}
	return userdata.AppendString(nil, userdata.TypeComment, r.comment)
}

func names(ts []table) string {
	text := ""
	for i, t := range ts {
		if i > 0 {
			text += ", "
		}
		text += t.name
	}
	return text
}
