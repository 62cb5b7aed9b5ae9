package hbone

import "strings"

const (
	maxHost  = 253 // RFC 1035 section 2.3.4, less the root label
	maxLabel = 63
)

// parseHost takes a DNS name of letters, digits, hyphens and underscores (names
// of Kubernetes services never have the latter, SRV-like names do) and returns
// it in lower case. A trailing dot is refused: one name, one spelling.
func parseHost(s, host string) (string, error) {
	if len(host) > maxHost {
		return "", bad(s, "the host is too long")
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if reason := checkLabel(l); reason != "" {
			return "", bad(s, reason)
		}
	}
	// "127.1" and "0x7f.1" are addresses to some resolvers: a name whose last
	// label is a number is refused (RFC 3696 section 2: no such top-level name).
	if c := labels[len(labels)-1][0]; c >= '0' && c <= '9' {
		return "", bad(s, "the host looks like a malformed address")
	}
	return strings.ToLower(host), nil
}

func checkLabel(l string) string {
	if l == "" || len(l) > maxLabel {
		return "a label of the host is empty or too long"
	}
	if l[0] == '-' || l[len(l)-1] == '-' {
		return "a label of the host begins or ends with a hyphen"
	}
	for _, c := range []byte(l) {
		if !isName(c) {
			return "the host has a character that no name has"
		}
	}
	return ""
}

func isName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
