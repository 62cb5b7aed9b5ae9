package vitals

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Own are the sockets of this process, by inode. Nil: they cannot be told.
func Own() map[uint32]bool {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	own := map[uint32]bool{}
	for _, e := range entries {
		link, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil {
			continue // it was closed meanwhile
		}
		if text, is := strings.CutPrefix(link, "socket:["); is {
			if n, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 32); err == nil {
				own[uint32(n)] = true
			}
		}
	}
	return own
}

// Uncaptured looks for signs that the pod's rules are not what they should be. A sidecar may not
// read them, but it sees what they do: of a connection that is captured the other end
// is at one of our ports, and what we send to an application of the pod is answered. It returns
// the connections that leave the pod past the data plane.
func (p *Pod) Uncaptured(all []Socket, own map[uint32]bool) (beside map[Socket]bool) {
	listening, twins := map[uint16]bool{}, map[netip.AddrPort]bool{}
	for _, s := range all {
		switch {
		case s.State == Listen:
			listening[s.Local.Port()] = true
		case OurPort(s.Local.Port()):
			twins[s.Remote] = true
		}
	}
	beside = map[Socket]bool{}
	p.Unreached = 0
	for _, s := range all {
		to := s.Remote.Addr()
		inside := to.IsLoopback() || slices.Contains(p.Addresses, to)
		switch {
		case s.State != Established && s.State != SynSent: // of one that we have closed the twin may be gone
		case own[s.Inode]:
			if inside && s.State == SynSent && s.Tries > 0 {
				p.Unreached++
			}
		case s.Inode != 0 && !inside && !listening[s.Local.Port()] && !twins[s.Local]:
			beside[Socket{Local: s.Local, Remote: s.Remote, Inode: s.Inode}] = true
		}
	}
	return beside
}
