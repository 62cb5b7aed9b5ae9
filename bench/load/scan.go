package load

import (
	"bytes"
	"strconv"
)

// scanRecord reads a record in exactly the form that AppendJSON gives it, and says
// false for any other. It is a short cut and no second grammar: what it refuses
// goes to the strict decoder, and a fuzz test holds that both agree. A record of a
// drill has tens of thousands of lines, and the lab reads them while it measures.
func scanRecord(b []byte) (r Record, ok bool) {
	var n [5]int64
	for i, key := range []string{`{"f":`, `,"n":`, `,"p":`, `,"s":`, `,"d":`} {
		if b, ok = bytes.CutPrefix(b, []byte(key)); !ok {
			return r, false
		}
		if n[i], b, ok = scanInt(b); !ok {
			return r, false
		}
	}
	r = Record{Flow: int(n[0]), Seq: int(n[1]), Planned: n[2], Sent: n[3], Done: n[4]}
	if rest, is := bytes.CutPrefix(b, []byte(`,"e":"`)); is {
		if r.Error, b, ok = scanWord(rest); !ok {
			return r, false
		}
	}
	if rest, is := bytes.CutPrefix(b, []byte(`,"a":"`)); is {
		if r.Peer, b, ok = scanWord(rest); !ok {
			return r, false
		}
	}
	return r, len(b) == 1 && b[0] == '}'
}

// scanInt reads an integer as JSON writes it: no sign but minus, no leading zero.
func scanInt(b []byte) (v int64, rest []byte, ok bool) {
	end := 0
	for end < len(b) && (b[end] >= '0' && b[end] <= '9' || end == 0 && b[0] == '-') {
		end++
	}
	s := string(b[:end])
	v, err := strconv.ParseInt(s, 10, 64)
	return v, b[end:], err == nil && s == strconv.FormatInt(v, 10)
}

// scanWord reads to the closing quote; only what needs no unescaping.
func scanWord(b []byte) (word string, rest []byte, ok bool) {
	for i, c := range b {
		switch {
		case c == '"':
			return string(b[:i]), b[i+1:], i > 0
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == ':':
		default:
			return "", nil, false
		}
	}
	return "", nil, false
}
