package h3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// The codes of RFC 9114 section 8.1 that are sent or told apart here.
const (
	codeNo           = 0x100
	codeProtocol     = 0x101
	codeInternal     = 0x102
	codeStreamMade   = 0x103
	codeClosedCrit   = 0x104
	codeUnexpected   = 0x105
	codeFrame        = 0x106
	codeLoad         = 0x107
	codeID           = 0x108
	codeSettings     = 0x109
	codeNoSettings   = 0x10a
	codeRejected     = 0x10b
	codeCancelled    = 0x10c
	codeIncomplete   = 0x10d
	codeMessage      = 0x10e
	codeConnect      = 0x10f
	codeSilent       = 0x1f021 // one of those that others take for codeNo; we say by it that nothing is heard of the peer
	codeDecompressed = 0x200   // RFC 9204 section 6: QPACK_DECOMPRESSION_FAILED
)

var codeNames = map[uint64]string{
	codeNo: "NO_ERROR", codeProtocol: "GENERAL_PROTOCOL_ERROR", codeInternal: "INTERNAL_ERROR", codeStreamMade: "STREAM_CREATION_ERROR",
	codeClosedCrit: "CLOSED_CRITICAL_STREAM", codeUnexpected: "FRAME_UNEXPECTED", codeFrame: "FRAME_ERROR", codeLoad: "EXCESSIVE_LOAD",
	codeID: "ID_ERROR", codeSettings: "SETTINGS_ERROR", codeNoSettings: "MISSING_SETTINGS", codeRejected: "REQUEST_REJECTED",
	codeCancelled: "REQUEST_CANCELLED", codeIncomplete: "REQUEST_INCOMPLETE", codeMessage: "MESSAGE_ERROR", codeConnect: "CONNECT_ERROR",
	codeDecompressed: "QPACK_DECOMPRESSION_FAILED", codeSilent: "SILENT",
}

func nameOf(code uint64) string {
	if name := codeNames[code]; name != "" {
		return "H3_" + name
	}
	return fmt.Sprintf("H3 code %#x", code)
}

// ConnError ends a tunnel by protocol: what the peer did wrong.
type ConnError struct {
	Code   uint64
	Reason string
}

func (e *ConnError) Error() string {
	return fmt.Sprintf("h3: connection error %s: %s", nameOf(e.Code), e.Reason)
}

func connError(code uint64, format string, args ...any) error {
	return &ConnError{code, fmt.Sprintf(format, args...)}
}

// streamError ends one stream, with this code.
type streamError struct {
	code   quic.StreamErrorCode
	reason string
}

func (e *streamError) Error() string {
	return fmt.Sprintf("h3: stream error %s: %s", nameOf(uint64(e.code)), e.reason)
}

var (
	errGreeting = errors.New("h3: no SETTINGS within the handshake timeout")
	errAnswered = errors.New("h3: the request has been answered before")
	errHead     = errors.New("h3: not a well-formed CONNECT: it cannot be accepted")

	// errOrderly ends a tunnel that has nothing left to do.
	errOrderly = fmt.Errorf("h3: tunnel closed: %w", net.ErrClosed)
)

// told is what a stream's user sees of an error of quic-go.
func (c *conn) told(err error) error {
	var reset *quic.StreamError
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case errors.As(err, &reset) && !reset.Remote:
		return net.ErrClosed
	case errors.As(err, &reset):
		code := uint64(reset.ErrorCode)
		return &tunnel.ResetError{Code: uint32(min(code, 1<<32-1)), Name: nameOf(code)}
	default:
		return &tunnel.ResetError{Lost: c.cause(err)}
	}
}

// unanswered is what Open says of an error that came in place of an answer.
func (c *conn) unanswered(err error) error {
	var reset *quic.StreamError
	switch {
	case errors.As(err, &reset) && reset.Remote && reset.ErrorCode == codeRejected:
		return &tunnel.RefusedError{Reason: tunnel.Refused} // RFC 9114 section 4.1.1
	case errors.As(err, &reset) && reset.Remote:
		return c.told(err)
	default:
		return &tunnel.LostError{Err: c.cause(err)}
	}
}

// cause is why the tunnel ended, in our words if we ended it.
func (c *conn) cause(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	return err
}

// errOf tells whether a context ended for a reason of its own.
func errOf(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, ctx.Err()) {
		return errors.Join(ctx.Err(), err)
	}
	return ctx.Err()
}
