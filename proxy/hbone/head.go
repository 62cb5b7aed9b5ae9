package hbone

import "fmt"

// MethodConnect is the only method of HBONE.
const MethodConnect = "CONNECT"

// Head is what a request carries: as received, not yet judged. A transport
// delivers a broken request too, so that its receiver can answer 400 and
// record why; hence callers ask [Head.Authority] and never trust RawAuthority.
type Head struct {
	Method       string
	RawAuthority string // :authority as received; empty when there was none
	Header       Header

	// Malformed says how the request broke RFC 9113 section 8.5 or 8.2
	// (a :path on a CONNECT, a duplicate pseudo-header, …). Empty: it did not.
	Malformed string
}

// Header holds the headers that HBONE reads, empty when absent. They are
// what a peer claims: good for records, never for decisions.
type Header struct {
	Baggage, Forwarded, Traceparent string

	AltSvc string // of an answer: see ParseAltH3
}

// HeadError says why a request deserves [StatusBadRequest].
type HeadError struct {
	Method string
	Reason string
	Err    error // what the authority parser said; nil when the head failed before
}

func (e *HeadError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("hbone: bad request: %v", e.Err)
	}
	return "hbone: bad request: " + e.Reason
}

func (e *HeadError) Unwrap() error { return e.Err }

// Connect builds the head of a CONNECT to a.
func Connect(a Authority, h Header) Head {
	return Head{Method: MethodConnect, RawAuthority: a.String(), Header: h}
}

// Authority returns where the request wants to go, or a [*HeadError] when it
// is not a well-formed CONNECT.
func (h Head) Authority() (Authority, error) {
	if h.Malformed != "" {
		return Authority{}, &HeadError{Method: h.Method, Reason: h.Malformed}
	}
	if h.Method != MethodConnect {
		return Authority{}, &HeadError{Method: h.Method, Reason: fmt.Sprintf("method %q is not CONNECT", clip(h.Method))}
	}
	a, err := ParseAuthority(h.RawAuthority)
	if err != nil {
		return Authority{}, &HeadError{Method: h.Method, Err: err}
	}
	return a, nil
}

// clip keeps a stranger's text from filling a log line.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
