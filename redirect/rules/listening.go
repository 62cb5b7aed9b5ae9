package rules

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A NotListeningError names the port of a placement where nobody listens.
type NotListeningError struct{ Port uint16 }

func (e *NotListeningError) Error() string { return fmt.Sprintf("nobody listens on port %d", e.Port) }

// Listening is nil when somebody in the pod listens on each of a placement's ports: to
// be asked before capture is moved there, since connections would be refused. It asks
// the kernel for the sockets, and makes no connection that a listener would notice.
func Listening(n *netns.Namespace, ports redirect.Ports) error {
	k, err := openKernel(n)
	if err != nil {
		return err
	}
	defer k.close()
	listening := map[uint16]bool{}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		ss, err := settled(func() ([]*netlink.Socket, error) { return k.ip.SocketDiagTCP(family) })
		if err != nil {
			return k.fail(StepCount, "among sockets", err)
		}
		for _, s := range ss {
			if s.State == netlink.TCP_LISTEN {
				listening[s.ID.SourcePort] = true
			}
		}
	}
	for _, port := range []uint16{ports.Outbound, ports.Plaintext, ports.HBONE} {
		if !listening[port] {
			return &NotListeningError{port}
		}
	}
	return nil
}
