package load

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
)

// Both frames begin with the length of what follows (16 bits, big endian).
//
//	request  length | 'Q' | flow (32) | sequence (32) | marker
//	answer   length | 'A' | length of the echo (16) | the request from its 'Q' on | client address and port as seen (6 or 18 bytes)
//
// The echo is the whole request and not a checksum of it: the marker then crosses
// the wire in both directions, and a search for plaintext needs one direction only.
const (
	kindRequest = 'Q'
	kindAnswer  = 'A'

	maxMarker = 64
	maxFrame  = 256
	headLen   = 1 + 4 + 4 // of a request
)

// FrameError is a frame that breaks the rules above.
type FrameError struct{ Reason string }

func (e *FrameError) Error() string { return "frame: " + e.Reason }

// appendRequest appends a whole request frame.
func appendRequest(b []byte, flow, seq int, marker string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(headLen+len(marker)))
	b = append(b, kindRequest)
	b = binary.BigEndian.AppendUint32(b, uint32(flow))
	b = binary.BigEndian.AppendUint32(b, uint32(seq))
	return append(b, marker...)
}

// appendAnswer appends the whole answer frame to a request body.
func appendAnswer(b, request []byte, client netip.AddrPort) []byte {
	addr, _ := client.MarshalBinary() // never fails (net/netip)
	b = binary.BigEndian.AppendUint16(b, uint16(3+len(request)+len(addr)))
	b = append(b, kindAnswer)
	b = binary.BigEndian.AppendUint16(b, uint16(len(request)))
	return append(append(b, request...), addr...)
}

// readFrame reads the body of one frame. The slice is valid until the next read.
// io.EOF is an end between frames, io.ErrUnexpectedEOF one inside a frame.
func readFrame(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(2)
	if err != nil {
		if err == io.EOF && len(head) > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head))
	if n == 0 || n > maxFrame {
		return nil, &FrameError{fmt.Sprintf("length %d is outside 1..%d", n, maxFrame)}
	}
	body, err := r.Peek(2 + n)
	if err != nil {
		if err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	r.Discard(2 + n) // what was peeked is there
	return body[2:], nil
}

// checkRequest says whether a body is a request.
func checkRequest(body []byte) error {
	if len(body) < headLen || body[0] != kindRequest {
		return &FrameError{"not a request"}
	}
	if len(body) > headLen+maxMarker {
		return &FrameError{"marker too long"}
	}
	return nil
}

// parseAnswer takes an answer's body apart.
func parseAnswer(body []byte) (echo []byte, client netip.AddrPort, err error) {
	if len(body) < 3 || body[0] != kindAnswer {
		return nil, client, &FrameError{"not an answer"}
	}
	n, rest := int(binary.BigEndian.Uint16(body[1:3])), body[3:]
	if n > len(rest) {
		return nil, client, &FrameError{"echo longer than its frame"}
	}
	if err := client.UnmarshalBinary(rest[n:]); err != nil || !client.IsValid() {
		return nil, client, &FrameError{"client address"}
	}
	return rest[:n], client, nil
}

// answers compares an answer's body with the request that it should belong to
// (both without their length) and returns the client address that the server saw.
func answers(request, body []byte) (netip.AddrPort, error) {
	echo, client, err := parseAnswer(body)
	if err != nil {
		return client, err
	}
	if !bytes.Equal(echo, request) {
		return client, &FrameError{"echo differs from the request"}
	}
	return client, nil
}
