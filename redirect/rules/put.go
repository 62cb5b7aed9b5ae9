package rules

import (
	"slices"

	"github.com/google/nftables"
)

// put makes tables what is wanted, in one batch. Chains that are there stay hooked and are
// refilled in place.
func (k *kernel) put(step Step, ts ...table) error {
	installed, err := k.chains()
	if err != nil {
		return err
	}
	var b batch
	for _, t := range ts {
		if broken(t, installed) {
			b.recreate(t)
		}
		b.refill(t)
	}
	return k.fail(step, names(ts), k.send(b))
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
