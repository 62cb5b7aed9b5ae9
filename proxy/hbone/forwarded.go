package hbone

import (
	"fmt"
	"net/netip"
	"strings"
)

// Forwarded is the RFC 7239 header of HBONE: who sent, and which service it
// asked for. A peer may write anything in it: use it for records only.
type Forwarded struct {
	For  netip.AddrPort // the client's address
	Host string         // the service's host name; empty when not known
}

// ForwardedFor returns the header text for a source address.
func ForwardedFor(src netip.AddrPort) string { return Forwarded{For: src}.Encode() }

// Encode returns the header text, with For quoted and Host bare as other HBONE
// endpoints write them; empty when there is nothing to say.
func (f Forwarded) Encode() string {
	var parts []string
	if f.For.IsValid() {
		src := netip.AddrPortFrom(f.For.Addr().Unmap().WithZone(""), f.For.Port())
		parts = append(parts, `for="`+src.String()+`"`)
	}
	if f.Host != "" {
		parts = append(parts, "host="+f.Host)
	}
	return strings.Join(parts, ";")
}

// ParseForwarded reads the first element of a Forwarded header. Parameters
// other than "for" and "host" are ignored (RFC 7239 section 4), and so is a
// "for" that is no address and port ("unknown", "_hidden").
func ParseForwarded(s string) (Forwarded, error) {
	var f Forwarded
	if len(s) > maxHeader {
		return f, fmt.Errorf("forwarded: longer than %d bytes", maxHeader)
	}
	element, _, err := cutOutsideQuotes(s, ',')
	if err != nil {
		return f, err
	}
	for more := element; more != ""; {
		var pair string
		if pair, more, err = cutOutsideQuotes(more, ';'); err != nil {
			return Forwarded{}, err
		}
		if err := f.take(pair); err != nil {
			return Forwarded{}, err
		}
	}
	return f, nil
}

func (f *Forwarded) take(pair string) error {
	name, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
	if !ok {
		return fmt.Errorf("forwarded: %q is not a pair", clip(pair))
	}
	value = strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
	switch strings.ToLower(name) {
	case "for":
		if ap, err := netip.ParseAddrPort(value); err == nil {
			f.For = netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
		}
	case "host":
		host, err := parseHost(value, value)
		if err != nil {
			return fmt.Errorf("forwarded: host: %w", err)
		}
		f.Host = host
	}
	return nil
}

// cutOutsideQuotes is strings.Cut that does not look inside quoted strings. A
// backslash has no use in an address, so quoted pairs are refused, not decoded.
func cutOutsideQuotes(s string, sep byte) (before, after string, err error) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '\\':
			return "", "", fmt.Errorf("forwarded: quoted pair in %q", clip(s))
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:], nil
		}
	}
	if quoted {
		return "", "", fmt.Errorf("forwarded: open quote in %q", clip(s))
	}
	return s, "", nil
}
