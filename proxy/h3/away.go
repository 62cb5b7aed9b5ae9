package h3

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// WriteMsgUDP takes a packet that finds no way out for one that is lost on it. quic-go ends a connection whose
// packets cannot be sent; but a pod whose address changes may have none for a moment, and its tunnels may go on from the
// next one. Who has no way for longer is silent: see silence.go.
func (c *coalesced) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	n, oobn, err = c.UDPConn.WriteMsgUDP(b, oob, to)
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}
