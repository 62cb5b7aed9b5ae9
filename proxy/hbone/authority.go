package hbone

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Authority is where a CONNECT wants to go: an address and a port, or a host
// name and a port. The zero value goes nowhere. Comparable, and canonical: two
// spellings of one destination ("FOO:80" and "foo:80") are one value.
type Authority struct {
	addr netip.Addr // valid, or
	host string     // a lower-case DNS name
	port uint16
}

// AuthorityError says what is wrong with the text of an authority.
type AuthorityError struct {
	Text   string // clipped
	Reason string
}

func (e *AuthorityError) Error() string {
	return fmt.Sprintf("authority %q: %s", e.Text, e.Reason)
}

// FromAddrPort returns the authority of an address. IPv4-mapped addresses are
// unmapped: the wire knows only one way to write an IPv4 destination.
func FromAddrPort(ap netip.AddrPort) Authority {
	return Authority{addr: ap.Addr().Unmap().WithZone(""), port: ap.Port()}
}

// ParseAuthority reads "ip:port", "[ipv6]:port" or "host:port".
//
// It is strict because its answer decides where bytes go: RFC 9113 section 8.5
// asks for host and port, so user information, paths, spaces, zone ids and
// empty, zero, padded or overlong ports are refused. The obvious
// net.SplitHostPort accepts most of these, and url.Parse more.
func ParseAuthority(s string) (Authority, error) {
	host, port, err := split(s)
	if err != nil {
		return Authority{}, err
	}
	p, err := parsePort(s, port)
	if err != nil {
		return Authority{}, err
	}
	if strings.HasPrefix(host, "[") {
		return parseBracketed(s, host, p)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if !a.Is4() {
			return Authority{}, bad(s, "an IPv6 address needs brackets")
		}
		return Authority{addr: a, port: p}, nil
	}
	name, err := parseHost(s, host)
	if err != nil {
		return Authority{}, err
	}
	return Authority{host: name, port: p}, nil
}

// split cuts at the last colon outside brackets.
func split(s string) (host, port string, err error) {
	if len(s) > maxHost+len("[]:65535") {
		return "", "", bad(s, "too long")
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.LastIndexByte(s, ']') > i {
		return "", "", bad(s, "no port")
	}
	if i == 0 {
		return "", "", bad(s, "no host")
	}
	return s[:i], s[i+1:], nil
}

func parsePort(s, port string) (uint16, error) {
	for _, c := range []byte(port) {
		if c < '0' || c > '9' { // ParseUint would take "+1" and "1_0" is one base away
			return 0, bad(s, "the port is not a number")
		}
	}
	if strings.HasPrefix(port, "0") {
		return 0, bad(s, "the port is zero or padded")
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, bad(s, "the port is empty or beyond 65535")
	}
	return uint16(p), nil
}

func parseBracketed(s, host string, port uint16) (Authority, error) {
	inner, closed := strings.CutSuffix(host[1:], "]")
	if !closed {
		return Authority{}, bad(s, "brackets do not match")
	}
	a, err := netip.ParseAddr(inner)
	if err != nil || !a.Is6() {
		return Authority{}, bad(s, "no IPv6 address in the brackets")
	}
	if a.Zone() != "" {
		return Authority{}, bad(s, "a zone id means nothing to a peer")
	}
	return Authority{addr: a.Unmap(), port: port}, nil
}

func bad(s, reason string) error {
	return &AuthorityError{Text: clip(s), Reason: reason}
}

// Addr returns the address and port, and whether the authority is an address.
func (a Authority) Addr() (netip.AddrPort, bool) {
	return netip.AddrPortFrom(a.addr, a.port), a.addr.IsValid()
}

// Host returns the name, or the address as text (IPv6 without brackets).
func (a Authority) Host() string {
	if a.addr.IsValid() {
		return a.addr.String()
	}
	return a.host
}

// Port returns the port; zero only for the zero Authority.
func (a Authority) Port() uint16 { return a.port }

// IsZero reports whether a is the zero value.
func (a Authority) IsZero() bool { return a == Authority{} }

// String returns the text that goes into :authority; empty for the zero value.
func (a Authority) String() string {
	if a.addr.IsValid() {
		return netip.AddrPortFrom(a.addr, a.port).String()
	}
	if a.host == "" {
		return ""
	}
	return a.host + ":" + strconv.Itoa(int(a.port))
}
