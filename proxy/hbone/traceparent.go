package hbone

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// traceparentLen is the length of version 00: "00-" 32 hex "-" 16 hex "-" 2 hex
// (W3C Trace Context section 3.2).
const traceparentLen = 55

// NewTraceparent returns a random, unsampled trace parent.
func NewTraceparent() string {
	var id [24]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	// All-zero ids are invalid; setting one bit is cheaper than asking again.
	id[0] |= 1
	id[16] |= 1
	return "00-" + hex.EncodeToString(id[:16]) + "-" + hex.EncodeToString(id[16:]) + "-00"
}

// ValidTraceparent reports whether s is a version 00 trace parent.
func ValidTraceparent(s string) bool {
	if len(s) != traceparentLen || s[:3] != "00-" || s[35] != '-' || s[52] != '-' {
		return false
	}
	trace, parent := s[3:35], s[36:52]
	return lowerHex(trace) && lowerHex(parent) && lowerHex(s[53:]) &&
		strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != ""
}

// KeepTraceparent returns s when it is valid and a new one otherwise, as a
// receiver must that wants a trace for every stream.
func KeepTraceparent(s string) string {
	if ValidTraceparent(s) {
		return s
	}
	return NewTraceparent()
}

func lowerHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
