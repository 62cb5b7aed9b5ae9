package h3

import (
	"errors"
	"io"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// The kinds of unidirectional streams (RFC 9114 section 6.2, RFC 9204 section 4.2).
const (
	uniControl = 0x00
	uniPush    = 0x01
	uniEncoder = 0x02
	uniDecoder = 0x03
)

// settingHeaders is SETTINGS_MAX_FIELD_SECTION_SIZE; what QPACK may do needs none, since its
// defaults say that there is no dynamic table.
const settingHeaders = 0x06

// maxControl bounds a frame on the control stream that is read as a whole.
const maxControl = 4 << 10

// openControl opens our control stream and says SETTINGS. Nothing on it waits for the peer's credit: it would wait
// in a goroutine of ours, or hold up a drain, as long as the peer likes. One that has none for a few bytes has no tunnel.
func (c *conn) openControl() error {
	s, err := c.q.OpenUniStream()
	if err != nil {
		return err
	}
	settings := quicvarint.Append(quicvarint.Append(nil, settingHeaders), maxHeaders)
	b := quicvarint.Append(nil, uniControl)
	b = append(appendFrameHead(b, frameSettings, len(settings)), settings...)
	c.mu.Lock()
	c.control = s
	c.mu.Unlock()
	return s.TryWriteAll(b)
}

// sayGoAway tells the peer that no stream from this ID on is served (section 5.2), unless it gives no credit to hear it.
func (c *conn) sayGoAway(id quic.StreamID) {
	body := quicvarint.Append(nil, uint64(id))
	err := c.control.TryWriteAll(append(appendFrameHead(nil, frameGoAway, len(body)), body...))
	if err != nil && !errors.Is(err, quic.ErrWouldBlock) {
		c.fail(codeInternal, err)
	}
}

// acceptControl takes the peer's unidirectional streams until the connection ends. There
// are as many as peerUniStreams at most.
func (c *conn) acceptControl() {
	for {
		s, err := c.q.AcceptUniStream(c.q.Context())
		if err != nil {
			return
		}
		c.readers.Go(func() { c.readUni(s) })
	}
}

func (c *conn) readUni(s *quic.ReceiveStream) {
	known, err := c.hear(s)
	if err != nil {
		c.failWith(err)
	}
	if !known {
		s.CancelRead(codeStreamMade) // section 6.2.3: unknown, and not an error
	}
}

// hear reads one of the peer's unidirectional streams, and says whether it is of a known kind.
func (c *conn) hear(s io.Reader) (known bool, err error) {
	kind, err := quicvarint.Read(quicvarint.NewReader(s))
	if err != nil {
		return false, nil // reset or ended before it said what it is (section 6.2)
	}
	switch kind {
	case uniControl:
		if c.controlled.Swap(true) {
			return true, connError(codeStreamMade, "a second control stream")
		}
		return true, c.readControl(s)
	case uniEncoder, uniDecoder:
		// Without a dynamic table there is nothing to say here but what may be ignored;
		// the end of such a stream is an error, an instruction that needs a table as well (RFC 9204 section 4.2).
		return true, c.readQPACK(s, kind)
	case uniPush:
		return true, connError(codeStreamMade, "a push stream")
	default:
		return false, nil
	}
}

// readQPACK: an encoder may only say that its table has no capacity.
func (c *conn) readQPACK(s io.Reader, kind uint64) error {
	b := make([]byte, 1)
	for n := 0; n < maxControl; n++ {
		if _, err := io.ReadFull(s, b); err != nil {
			return critical(err)
		}
		if kind == uniEncoder && b[0] != 0x20 { // Set Dynamic Table Capacity 0
			return connError(0x201, "an instruction of QPACK that needs a dynamic table")
		}
	}
	return connError(codeLoad, "too many instructions of QPACK")
}

func (c *conn) readControl(s io.Reader) error {
	v := quicvarint.NewReader(s)
	for first := true; ; first = false {
		kind, length, err := readFrameHead(v)
		if err != nil {
			return critical(err)
		}
		if first != (kind == frameSettings) {
			return misplaced(first)
		}
		if err := c.limits.noisy(1); err != nil {
			return err
		}
		if length > maxControl {
			return connError(codeLoad, "a frame of %d bytes on the control stream", length)
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(s, body); err != nil {
			return critical(err)
		}
		if err := c.heard(kind, body); err != nil {
			return err
		}
	}
}

func misplaced(first bool) error {
	if first {
		return connError(codeNoSettings, "the control stream does not begin with SETTINGS")
	}
	return connError(codeUnexpected, "SETTINGS for the second time")
}

// critical: the end of a control stream ends the connection (section 6.2.1).
func critical(err error) error {
	var reset *quic.StreamError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &reset) {
		return connError(codeClosedCrit, "a critical stream was closed")
	}
	return err
}

// heard takes one frame of the peer's control stream.
func (c *conn) heard(kind uint64, body []byte) error {
	switch {
	case kind == frameSettings:
		if err := checkSettings(body); err != nil {
			return err
		}
		close(c.greeted)
	case kind == frameGoAway:
		id, n, err := quicvarint.Parse(body)
		if err != nil || n != len(body) {
			return connError(codeFrame, "malformed GOAWAY")
		}
		return c.told2Leave(id)
	case kind == frameData, kind == frameHeaders, kind == framePush, reservedFrame(kind):
		return connError(codeUnexpected, "frame %#x on the control stream", kind)
	}
	return nil // MAX_PUSH_ID and CANCEL_PUSH are of pushes, which nobody makes; others are unknown
}

// checkSettings: section 7.2.4. What HBONE needs is the default of everything. How large a head the peer takes is its advice
// (section 4.2.2), which is not looked at, as over HTTP/2: it refuses one that is too large, and has the better error.
func checkSettings(b []byte) error {
	seen := map[uint64]bool{}
	for len(b) > 0 {
		id, n, err := quicvarint.Parse(b)
		if err != nil {
			return connError(codeFrame, "malformed SETTINGS")
		}
		_, m, err := quicvarint.Parse(b[n:])
		if err != nil {
			return connError(codeFrame, "malformed SETTINGS")
		}
		if seen[id] || id >= 0x02 && id <= 0x05 {
			return connError(codeSettings, "setting %#x", id)
		}
		seen[id] = true
		b = b[n+m:]
	}
	return nil
}
