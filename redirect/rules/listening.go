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
	listening, err := listeners(n)
	if err != nil {
		return err
	}
	for _, port := range all(ports) {
		if !listening[port] {
			return &NotListeningError{port}
		}
	}
	return nil
}

// Listeners are the ports of a placement on which somebody in the pod listens.
func Listeners(n *netns.Namespace, ports redirect.Ports) (found []uint16, err error) {
	listening, err := listeners(n)
	for _, port := range all(ports) {
		if listening[port] {
			found = append(found, port)
		}
	}
	return found, err
}

func all(p redirect.Ports) []uint16 { return []uint16{p.Outbound, p.Plaintext, p.HBONE} }

// listeners are the ports of the listening sockets of a namespace.
func listeners(n *netns.Namespace) (map[uint16]bool, error) {
	k, err := openKernel(n)
	if err != nil {
		return nil, err
	}
	defer k.close()
	listening := map[uint16]bool{}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		ss, err := settled(func() ([]*netlink.Socket, error) { return k.ip.SocketDiagTCP(family) })
		if err != nil {
			return nil, k.fail(StepCount, "among sockets", err)
		}
		for _, s := range ss {
			if s.State == netlink.TCP_LISTEN {
				listening[s.ID.SourcePort] = true
			}
		}
	}
	return listening, nil
}
