package rules

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// chains returns the chains of all tables of family inet.
func (k *kernel) chains() ([]*nftables.Chain, error) {
	cs, err := k.nft.ListChainsOfTableFamily(nftables.TableFamilyINet)
	return cs, k.fail(StepList, "chains", err)
}

func foundHead(c *nftables.Chain) string {
	policy := nftables.ChainPolicyAccept
	if c.Policy != nil {
		policy = *c.Policy
	}
	return chainHead(c.Type, c.Hooknum, c.Priority, policy)
}

// A foundRule is a rule as the kernel has it, in words.
type foundRule struct{ table, chain, words string }

// rules reads the rules of family inet, in the order of their chains. It reads
// the attributes itself: the library leaves out kinds of expressions that it
// does not know, and a rule with one of those would look as wanted.
func (k *kernel) rules() ([]foundRule, error) {
	messages, err := settled(k.ruleMessages)
	if err != nil {
		return nil, k.fail(StepList, "rules", err)
	}
	var found []foundRule
	for _, m := range messages {
		r, err := parseRule(m)
		if err != nil {
			return nil, k.fail(StepList, "rules", err)
		}
		found = append(found, r)
	}
	return found, nil
}

func (k *kernel) ruleMessages() (messages [][]byte, err error) {
	err = k.ns.Do(func() (err error) {
		req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP)
		req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.NFPROTO_INET})
		messages, err = req.Execute(unix.NETLINK_NETFILTER, 0)
		return err
	})
	return messages, err
}

// parseRule reads an NFT_MSG_NEWRULE without its netlink header.
func parseRule(message []byte) (foundRule, error) {
	if len(message) < nl.SizeofNfgenmsg {
		return foundRule{}, &MessageError{"no nfgenmsg"}
	}
	a, err := parseAttributes(message[nl.SizeofNfgenmsg:])
	if err != nil {
		return foundRule{}, err
	}
	var s sentence
	err = eachAttribute(a[unix.NFTA_RULE_EXPRESSIONS], func(_ uint16, element []byte) { s.read(element) })
	if err != nil {
		return foundRule{}, err
	}
	return foundRule{
		table: text(a[unix.NFTA_RULE_TABLE]), chain: text(a[unix.NFTA_RULE_CHAIN]),
		words: withComment(s.String(), comment(a[unix.NFTA_RULE_USERDATA])),
	}, nil
}

// comment returns nft's comment; other user data is written as bytes.
func comment(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	if len(data) >= 2 && data[0] == byte(userdata.TypeComment) && int(data[1]) == len(data)-2 {
		return text(data[2:])
	}
	return writeBytes(data)
}

// text cuts off the NUL that ends strings in netlink.
func text(b []byte) string {
	if len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return string(b)
}

// ipRules returns the rules of a family that are ours or stand in their way.
func (k *kernel) ipRules(f ipFamily) ([]string, error) {
	all, err := settled(func() ([]netlink.Rule, error) { return k.ip.RuleList(f.number) })
	if err != nil {
		return nil, k.fail(StepList, f.name+" rules", err)
	}
	var found []string
	for _, r := range all {
		if r.Priority == replyPriority || r.Table == replyTable {
			found = append(found, ruleWords(r))
		}
	}
	return found, nil
}

func ruleWords(r netlink.Rule) string {
	mask := ^uint32(0)
	if r.Mask != nil {
		mask = *r.Mask
	}
	words := fmt.Sprintf("fwmark %#x/%#x pref %d lookup %d", r.Mark, mask, r.Priority, r.Table)
	for _, condition := range []struct {
		set  bool
		text string
	}{
		{r.Invert, "not"},
		{r.Src != nil, fmt.Sprintf("from %v", r.Src)},
		{r.Dst != nil, fmt.Sprintf("to %v", r.Dst)},
		{r.IifName != "", "iif " + r.IifName},
		{r.OifName != "", "oif " + r.OifName},
		{narrowed(r), "and further conditions"},
	} {
		if condition.set {
			words += " " + condition.text
		}
	}
	return words
}

func narrowed(r netlink.Rule) bool {
	any := netlink.NewRule()
	return r.Tos != 0 || r.TunID != 0 || r.IPProto != 0 || r.Sport != nil || r.Dport != nil || r.UIDRange != nil ||
		r.Goto != any.Goto || r.Flow != any.Flow ||
		r.SuppressIfgroup != any.SuppressIfgroup || r.SuppressPrefixlen != any.SuppressPrefixlen
}

// routes returns the routes of our table.
func (k *kernel) routes(f ipFamily) ([]string, error) {
	all, err := settled(func() ([]netlink.Route, error) {
		return k.ip.RouteListFiltered(f.number, &netlink.Route{Table: replyTable}, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, k.fail(StepList, f.name+" routes", err)
	}
	var found []string
	for _, r := range all {
		found = append(found, k.routeWords(f, r))
	}
	return found, nil
}

func (k *kernel) routeWords(f ipFamily, r netlink.Route) string {
	dst := f.all.String()
	if r.Dst != nil {
		dst = r.Dst.String()
	}
	kind := fmt.Sprintf("type %d", r.Type)
	if r.Type == unix.RTN_LOCAL {
		kind = "local"
	}
	device := fmt.Sprintf("dev #%d", r.LinkIndex)
	if lo, err := k.ip.LinkByName("lo"); err == nil && lo.Attrs().Index == r.LinkIndex {
		device = "dev lo"
	}
	words := fmt.Sprintf("%s %s %s", kind, dst, device)
	if r.Gw != nil || r.Src != nil || len(r.MultiPath) > 0 {
		words += " " + r.String()
	}
	return words
}
