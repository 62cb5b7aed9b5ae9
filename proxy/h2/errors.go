package h2

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// ConnError ends a tunnel by protocol: we sent GOAWAY with this code (Local), or
// the peer did and then closed. Codes alone are no errors, so that one side's
// cannot be taken for the other's.
type ConnError struct {
	Local  bool
	Code   http2.ErrCode
	Reason string // ours in words, or the peer's debug data
}

func (e *ConnError) Error() string {
	side := "peer"
	if e.Local {
		side = "local"
	}
	return fmt.Sprintf("h2: %s connection error %v: %s", side, e.Code, e.Reason)
}

// SilentError ends a tunnel whose peer did not answer a PING.
type SilentError struct{ Silent time.Duration }

func (e *SilentError) Error() string {
	return fmt.Sprintf("h2: peer silent for %v in spite of PING", e.Silent.Round(time.Millisecond))
}

// Timeout makes it a net.Error-like timeout.
func (e *SilentError) Timeout() bool { return true }

var (
	errGreeting = errors.New("h2: no SETTINGS within the handshake timeout")
	errAnswered = errors.New("h2: the request has been answered before")
	errHead     = errors.New("h2: not a well-formed CONNECT: it cannot be accepted")

	// errUnwanted ends the sending direction of a stream whose peer has answered in full
	// and wants no more. Users never see it.
	errUnwanted = errors.New("h2: the peer wants no more")

	// errOrderly ends a tunnel that has nothing left to do.
	errOrderly = fmt.Errorf("h2: tunnel closed: %w", net.ErrClosed)
)

// streamError ends one stream: RST_STREAM with this code.
type streamError struct {
	id     uint32
	code   http2.ErrCode
	reason string
}

func (e *streamError) Error() string {
	return fmt.Sprintf("h2: stream %d: %v: %s", e.id, e.code, e.reason)
}

func protocolError(format string, args ...any) error {
	return &ConnError{Local: true, Code: http2.ErrCodeProtocol, Reason: fmt.Sprintf(format, args...)}
}

func calmError(reason string) error {
	return &ConnError{Local: true, Code: http2.ErrCodeEnhanceYourCalm, Reason: reason}
}

// resetError is what a stream's user sees of the peer's RST_STREAM.
func resetError(code http2.ErrCode) error {
	return &tunnel.ResetError{Code: uint32(code), Name: code.String()}
}

// frameError turns what the Framer says about bytes into our kinds of error.
func frameError(f *http2.Framer, t http2.FrameType, err error) error {
	reason := "malformed frame"
	if d := f.ErrorDetail(); d != nil {
		reason = d.Error()
	}
	var ce http2.ConnectionError
	var se http2.StreamError
	switch {
	case errors.As(err, &ce):
		return &ConnError{Local: true, Code: http2.ErrCode(ce), Reason: reason}
	case errors.As(err, &se) && t == http2.FrameHeaders:
		// Its block was not decoded, so the two HPACK tables now differ: this
		// cannot stay an error of the stream (RFC 9113 section 4.3).
		return &ConnError{Local: true, Code: se.Code, Reason: reason}
	case errors.As(err, &se):
		return &streamError{se.StreamID, se.Code, reason}
	case errors.Is(err, http2.ErrFrameTooLarge):
		return &ConnError{Local: true, Code: http2.ErrCodeFrameSize, Reason: "frame larger than advertised"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &ConnError{Local: true, Code: http2.ErrCodeFrameSize, Reason: "frame cut short"}
	}
	return err
}
