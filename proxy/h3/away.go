package h3

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// WriteMsgUDP takes a packet that finds no way out for one that is lost on it. quic-go ends a connection whose
// packets cannot be sent; but a pod whose address changes may have none for a moment, and its tunnels may go on from the
// next one. Who has no way for longer is silent: see silence.go. A tunnel that is still to be made fails at once: its
// packets have long headers (RFC 9000 section 17.2), and a dial without a route would take its whole timeout.
func (c *coalesced) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	n, oobn, err = c.UDPConn.WriteMsgUDP(b, oob, to)
	if err != nil && noWay(err) && !hasLongHeader(b) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}

// noWay says whether an error of sendmsg is of an address that is gone, or of one to which no route leads.
func noWay(err error) bool {
	return errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.EADDRNOTAVAIL)
}

func hasLongHeader(b []byte) bool { return len(b) > 0 && b[0]&0x80 != 0 }
