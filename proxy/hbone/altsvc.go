package hbone

import (
	"fmt"
	"strconv"
	"strings"
)

// AltH3 is the Alt-Svc field (RFC 7838 section 3) that announces HTTP/3 at a port of the
// same host.
func AltH3(port uint16) string { return fmt.Sprintf("h3=\":%d\"", port) }

// ParseAltH3 reads of an Alt-Svc field at which port of the same host HTTP/3 is spoken. An
// alternative on another host is passed over: the address is what a tunnel's key and
// the mesh's answer are about.
func ParseAltH3(field string) (port uint16, ok bool) {
	for field != "" {
		var one string
		one, field = nextAlternative(field)
		value, _, _ := strings.Cut(one, ";") // ma and persist: it is heard anew with each answer
		protocol, authority, _ := strings.Cut(strings.TrimSpace(value), "=")
		if protocol != "h3" {
			continue
		}
		host, text, found := strings.Cut(strings.Trim(authority, `"`), ":")
		n, err := strconv.ParseUint(text, 10, 16)
		if host == "" && found && err == nil && n > 0 {
			return uint16(n), true
		}
	}
	return 0, false
}

// nextAlternative splits at the first comma that is not in quotes.
func nextAlternative(s string) (one, rest string) {
	quoted := false
	for i := range len(s) {
		switch s[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}
