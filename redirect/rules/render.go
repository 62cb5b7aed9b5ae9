package rules

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Render writes what Install puts into the kernel, in the language of nft, which
// accepts it. It is made from the very expressions that Install sends.
func Render(p Plan) string {
	var b strings.Builder
	for _, t := range tables(p) {
		t.render(&b)
	}
	for _, f := range []ipFamily{ipv4, ipv6} {
		fmt.Fprintf(&b, "# %s rule add %s\n# %s route add %s table %d\n", f.command, wantedRule, f.command, f.wantedRoute(), replyTable)
	}
	return b.String()
}

func (t table) render(b *strings.Builder) {
	fmt.Fprintf(b, "table inet %s {\n", t.name)
	for _, c := range t.chains {
		fmt.Fprintf(b, "\tchain %s {\n\t\t%s\n", c.name, c)
		for _, r := range c.rules {
			fmt.Fprintf(b, "\t\t%s\n", r)
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
}

// String returns the head of the chain: what it is hooked to, and when.
func (c chain) String() string {
	return chainHead(c.kind, c.hook, c.priority, nftables.ChainPolicyAccept)
}

func chainHead(kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority, policy nftables.ChainPolicy) string {
	if hook == nil || priority == nil {
		return "not hooked"
	}
	return fmt.Sprintf("type %s hook %s priority %d; policy %s;", kind, hooks[*hook], *priority, policies[policy])
}

var hooks = map[nftables.ChainHook]string{
	unix.NF_INET_PRE_ROUTING: "prerouting", unix.NF_INET_LOCAL_IN: "input", unix.NF_INET_FORWARD: "forward",
	unix.NF_INET_LOCAL_OUT: "output", unix.NF_INET_POST_ROUTING: "postrouting",
}

var policies = map[nftables.ChainPolicy]string{
	nftables.ChainPolicyAccept: "accept", nftables.ChainPolicyDrop: "drop",
}

// String returns the rule in words.
func (r rule) String() string {
	var s sentence
	for _, e := range r.exprs {
		element, err := marshal(e)
		if err != nil { // of our own expressions: a bug, and Install reports it too
			return fmt.Sprintf("%T cannot be sent: %v", e, err)
		}
		s.read(element)
	}
	return withComment(s.String(), r.comment)
}

func withComment(words, comment string) string {
	if comment == "" {
		return words
	}
	return words + " comment " + strconv.Quote(comment)
}
