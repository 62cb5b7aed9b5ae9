package attack

import (
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// sockets opens what no cell needs, in every place that is its own.
func (t *thief) sockets() {
	for _, p := range t.places {
		for _, s := range []struct {
			kind                   string
			domain, form, protocol int
		}{
			{"packet socket", unix.AF_PACKET, unix.SOCK_RAW, 0x0300}, // ETH_P_ALL, in network order
			{"raw socket", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW},
			{"netlink socket", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER},
			{"UDP socket", unix.AF_INET, unix.SOCK_DGRAM, 0},
		} {
			t.try(s.kind, t.owner(p), func() error { return p.ns.Do(func() error { return openSocket(s.domain, s.form, s.protocol) }) })
		}
	}
}

// owner is whose place it is.
func (t *thief) owner(p place) string {
	switch {
	case p.pod != trust.Self:
		return p.pod
	case t.Lives == trust.NoNetns:
		return trust.Self
	}
	return t.Lives
}

func openSocket(domain, form, protocol int) error {
	fd, err := unix.Socket(domain, form|unix.SOCK_CLOEXEC, protocol)
	if err == nil {
		unix.Close(fd)
	}
	return err
}
