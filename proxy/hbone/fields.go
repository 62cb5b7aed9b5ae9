package hbone

import (
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Fields is a header block as a transport decodes it, field by field: what HBONE reads
// of it, and the first thing that is wrong with it. The rules of HTTP/2 (RFC 9113
// sections 8.2 and 8.3) and HTTP/3 (RFC 9114 sections 4.2 and 4.3) are the same.
type Fields struct {
	pseudo    [numPseudo]string
	seen      [numPseudo]bool
	header    Header
	regular   bool // a regular field has come
	left      int  // of the list's size limit
	malformed string
}

// fieldOverhead is what a field counts besides its letters (RFC 9113 section 6.5.2, RFC
// 9114 section 4.2.2).
const fieldOverhead = 32

const (
	pseudoMethod = iota
	pseudoAuthority
	pseudoScheme
	pseudoPath
	pseudoProtocol
	pseudoStatus
	numPseudo
)

var pseudoNames = [numPseudo]string{":method", ":authority", ":scheme", ":path", ":protocol", ":status"}

// NewFields begins a list of at most this size, in bytes as HTTP counts them.
func NewFields(limit int) *Fields { return &Fields{left: limit} }

// Malformed says what is wrong so far; empty: nothing.
func (f *Fields) Malformed() string { return f.malformed }

// Header is what the list says besides pseudo-headers.
func (f *Fields) Header() Header { return f.header }

// Add takes the next field.
func (f *Fields) Add(name, value string) {
	if f.left -= len(name) + len(value) + fieldOverhead; f.left < 0 {
		f.malformed = "header list larger than advertised"
		return
	}
	if !httpguts.ValidHeaderFieldValue(value) || strings.Trim(value, " \t") != value {
		f.malformed = "invalid value of " + quote(name) // RFC 9113 section 8.2.1
		return
	}
	if strings.HasPrefix(name, ":") {
		f.addPseudo(name, value)
		return
	}
	f.addRegular(name, value)
}

// addPseudo: RFC 9113 section 8.3.
func (f *Fields) addPseudo(name, value string) {
	if f.regular {
		f.malformed = "pseudo-header after a regular one"
		return
	}
	for i, known := range pseudoNames {
		if name != known {
			continue
		}
		if f.seen[i] {
			f.malformed = "duplicate " + known
		}
		f.pseudo[i], f.seen[i] = value, true
		return
	}
	f.malformed = "unknown pseudo-header " + quote(name)
}

func (f *Fields) addRegular(name, value string) {
	f.regular = true
	switch name {
	case "baggage":
		f.header.Baggage = value
	case "forwarded":
		f.header.Forwarded = value
	case "traceparent":
		f.header.Traceparent = value
	case "alt-svc":
		f.header.AltSvc = value
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		f.malformed = "connection-specific header " + name // RFC 9113 section 8.2.2
	case "te":
		if value != "trailers" {
			f.malformed = "connection-specific header te"
		}
	default:
		if !httpguts.ValidHeaderFieldName(name) || strings.ToLower(name) != name {
			f.malformed = "invalid header name " + quote(name)
		}
	}
}

// quote is what may stand in a reason, which goes into records and logs: a name can be
// 64 KiB, and four times that in quotes.
func quote(s string) string {
	if len(s) > quoted {
		return strconv.Quote(s[:quoted]) + "…"
	}
	return strconv.Quote(s)
}

const quoted = 40

// Request judges the list as a request (RFC 9113 sections 8.3.1 and 8.5). A malformed
// one has no authority, so that nobody can be tempted to serve it.
func (f *Fields) Request() Head {
	method := f.pseudo[pseudoMethod]
	h := Head{Method: method[:min(len(method), quoted)], RawAuthority: f.pseudo[pseudoAuthority], Header: f.header}
	h.Header.AltSvc = "" // of answers only
	connect := h.Method == MethodConnect
	switch {
	case f.malformed != "":
		h.Malformed = f.malformed
	case f.seen[pseudoStatus]:
		h.Malformed = ":status in a request"
	case !f.seen[pseudoMethod]:
		h.Malformed = "no :method"
	case connect && !f.seen[pseudoAuthority]:
		h.Malformed = "CONNECT without :authority"
	case connect && f.seen[pseudoProtocol]:
		h.Malformed = "extended CONNECT, which was not offered" // RFC 8441 section 4
	case connect && (f.seen[pseudoScheme] || f.seen[pseudoPath]):
		h.Malformed = "CONNECT with :scheme or :path"
	}
	if h.Malformed != "" {
		h.RawAuthority = ""
	}
	return h
}

// Answer judges the list as a response (RFC 9113 section 8.3.2).
func (f *Fields) Answer() (status int, malformed string) {
	for i := range numPseudo {
		if i != pseudoStatus && f.seen[i] {
			return 0, pseudoNames[i] + " in an answer"
		}
	}
	text := f.pseudo[pseudoStatus]
	status, err := strconv.Atoi(text)
	if err != nil || len(text) != 3 || status < 100 {
		return 0, ":status " + quote(text)
	}
	return status, f.malformed
}
