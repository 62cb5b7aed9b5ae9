package lab

import (
	"fmt"
	"os"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// setting is one file below /proc/sys/net, which shows the namespace of the thread
// that opens it.
type setting struct{ path, value string }

// endpointSettings make a namespace independent of the machine's defaults, which a
// new one inherits in part: a strict reverse path filter would drop deliveries that
// keep the client's address.
func endpointSettings() []setting {
	s := []setting{{"ipv4/conf/all/rp_filter", "0"}, {"ipv4/conf/default/rp_filter", "0"}}
	if !hasIPv6() {
		return s
	}
	for _, scope := range []string{"all", "default"} {
		s = append(s,
			setting{"ipv6/conf/" + scope + "/disable_ipv6", "0"},
			setting{"ipv6/conf/" + scope + "/accept_dad", "0"},
			setting{"ipv6/conf/" + scope + "/accept_ra", "0"})
	}
	return s
}

func routerSettings() []setting {
	s := append(endpointSettings(), setting{"ipv4/ip_forward", "1"})
	if hasIPv6() {
		s = append(s, setting{"ipv6/conf/all/forwarding", "1"})
	}
	return s
}

func tune(ns *netns.Namespace, settings []setting) error {
	return ns.Do(func() error {
		for _, s := range settings {
			if err := os.WriteFile("/proc/sys/net/"+s.path, []byte(s.value), 0); err != nil {
				return fmt.Errorf("sysctl net/%s: %w", s.path, err)
			}
		}
		return nil
	})
}
