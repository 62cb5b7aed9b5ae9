package rules

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Values as nft writes them; what does not fit is written as bytes.

func writeMark(b []byte) string {
	if len(b) != 4 {
		return writeBytes(b)
	}
	return fmt.Sprintf("0x%08x", binary.NativeEndian.Uint32(b))
}

func writePort(b []byte) string {
	if len(b) != 2 {
		return writeBytes(b)
	}
	return strconv.Itoa(int(binary.BigEndian.Uint16(b)))
}

// writeZone writes a number that is in the order of the machine.
func writeZone(b []byte) string {
	if len(b) != 2 {
		return writeBytes(b)
	}
	return strconv.Itoa(int(binary.NativeEndian.Uint16(b)))
}

// writeInterface marks a name without its padding as the prefix that it matches.
func writeInterface(b []byte) string {
	name := strings.TrimRight(string(b), "\x00")
	if len(b) != unix.IFNAMSIZ {
		return fmt.Sprintf("%q*", name)
	}
	return strconv.Quote(name)
}

func writeAddress(b []byte) string {
	if a, ok := netip.AddrFromSlice(b); ok {
		return a.String()
	}
	return writeBytes(b)
}

func writeTransport(b []byte) string {
	return name(b, map[byte]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"})
}
func writeNetwork(b []byte) string {
	return name(b, map[byte]string{unix.NFPROTO_IPV4: "ipv4", unix.NFPROTO_IPV6: "ipv6"})
}
func writeDirection(b []byte) string {
	return name(b, map[byte]string{ipCtDirOriginal: "original", ipCtDirReply: "reply"})
}

func writeAddressType(b []byte) string {
	if len(b) == 4 && binary.NativeEndian.Uint32(b) == unix.RTN_LOCAL {
		return "local"
	}
	return writeBytes(b)
}

func name(b []byte, names map[byte]string) string {
	if len(b) == 1 && names[b[0]] != "" {
		return names[b[0]]
	}
	return writeBytes(b)
}

func writeBytes(b []byte) string { return fmt.Sprintf("0x%x", b) }
