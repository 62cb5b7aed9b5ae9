package h2

import (
	"encoding/binary"

	"golang.org/x/net/http2"
)

// What sendLoop does with mu held: queued frames and bytes of streams become
// the batch.

// encodeControl appends what is queued; encoding may queue more, for the next batch.
func (c *conn) encodeControl() {
	list := c.send.control
	c.send.control = c.send.spare[:0]
	for _, f := range list {
		c.encode(f)
	}
	clear(list) // what they point at would live until they are overwritten
	c.send.spare = list
}

// encode appends a control frame. The Framer cannot fail here: the appender
// does not, and the arguments are ours.
func (c *conn) encode(f control) {
	if f.s != nil && f.s.gone && f.kind != sendHeaders {
		return
	}
	fr := c.send.fr
	switch f.kind {
	case sendSettings:
		_ = fr.WriteSettings(c.ourSettings()...)
	case sendSettingsAck:
		c.send.acks--
		_ = fr.WriteSettingsAck()
	case sendPing:
		_ = fr.WritePing(false, f.ping)
	case sendPingAck:
		c.send.acks--
		_ = fr.WritePing(true, f.ping)
	case sendWindowUpdate:
		_ = fr.WriteWindowUpdate(f.id, f.n)
	case sendHeaders:
		c.encodeHeaders(f)
	case sendEnd:
		_ = fr.WriteData(f.id, true, nil)
		f.s.endSent()
	case sendReset:
		_ = fr.WriteRSTStream(f.id, http2.ErrCode(f.n))
	case sendGoAway:
		_ = fr.WriteGoAway(f.id, http2.ErrCode(f.n), []byte(f.debug))
	}
}

// encodeData appends one DATA frame of s, as large as it may be, and puts s back
// in the queue behind the others if it has more.
func (c *conn) encodeData(s *stream) {
	n := min(int64(len(s.out)), s.sendWindow, c.send.window, dataSize, int64(c.peer.frameSize))
	if s.gone || n <= 0 {
		return // it was reset, or its window was taken back, while it waited
	}
	end := s.endQueued && n == int64(len(s.out))
	c.send.out.b = appendDataHeader(c.send.out.b, int(n), end, s.id)
	c.send.out.b = append(c.send.out.b, s.out[:n]...)
	s.out = s.out[n:]
	s.sendWindow -= n
	c.send.window -= n
	if len(s.out) == 0 {
		s.writable.Broadcast()
	}
	if end {
		s.endSent()
	}
	c.ready(s)
}

// appendDataHeader writes what Framer.WriteData would, which copies the payload
// once more (RFC 9113 sections 4.1 and 6.1).
func appendDataHeader(b []byte, n int, end bool, id uint32) []byte {
	var flags http2.Flags
	if end {
		flags = http2.FlagDataEndStream
	}
	b = append(b, byte(n>>16), byte(n>>8), byte(n), byte(http2.FrameData), byte(flags))
	return binary.BigEndian.AppendUint32(b, id)
}
