package peers

import (
	"fmt"
	"net/netip"
	"strings"
)

// Show is every peer as text: what it is, the two commands, and their configurations whole, with addresses and files as
// in an example. It needs none of the programs.
func Show() (string, error) {
	var b strings.Builder
	for _, p := range append(All(), Ztunnel("ztunnel")) {
		fmt.Fprintf(&b, "%s: %s\n", p.Name, p.About)
		for _, e := range []end{clientEnd, serverEnd} {
			text, err := p.shown(e)
			if err != nil {
				return "", err
			}
			if text != "" {
				fmt.Fprintf(&b, "\n  the %s's end:\n\n%s", e, indent(text))
			}
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// example is the side that is shown.
func example(e end) Side {
	s := Side{
		Listen: netip.MustParseAddrPort("127.0.0.1:15001"), Next: netip.MustParseAddrPort("10.0.0.2:15008"),
		Cert: "client.pem", Key: "client.key", CA: "ca.pem", Bulkhead: "bulkhead",
	}
	if e == serverEnd {
		s.Listen, s.Next = s.Next, netip.MustParseAddrPort("127.0.0.1:9000")
		s.Cert, s.Key = "server.pem", "server.key"
	}
	return s
}

// shown is the configuration of one end, or its command where that is all.
func (p Peer) shown(e end) (string, error) {
	f := factsOf(".", example(e), strings.HasSuffix(p.Name, "-tuned"), e)
	f.Connections, f.Open = 16384, 65536 // what a machine without a lower limit has
	switch p.Name {
	case Nginx, NginxTuned:
		f.Module = "/usr/lib/nginx/modules/ngx_stream_module.so"
		return f.text(nginxConf)
	case Haproxy, HaproxyTuned:
		return f.text(haproxyCfg)
	case ZtunnelName:
		text, err := f.text(ztunnelYAML)
		return strings.Join(ztunnelEnv("ztunnel.yaml", e), "\n") + "\n\n" + text, err
	}
	of := p.client
	if e == serverEnd {
		of = p.server
	}
	c, err := p.side(of, "", f.Side)
	if err != nil || len(c.Argv) == 0 {
		return "", err
	}
	return strings.Join(append(c.Env, c.Argv...), " ") + "\n", nil
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}
