package h2

import (
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

type controlKind uint8

const (
	sendSettings controlKind = iota
	sendSettingsAck
	sendPing
	sendPingAck
	sendWindowUpdate
	sendHeaders
	sendEnd // an empty DATA frame with END_STREAM
	sendReset
	sendGoAway
)

// control is a frame other than DATA with bytes.
type control struct {
	kind   controlKind
	end    bool    // sendHeaders: with END_STREAM
	id     uint32  // of the stream; sendGoAway: the last one
	n      uint32  // error code or increment
	s      *stream // dropped when it is gone by then; nil: sent in any case
	ping   [8]byte
	fields []hpack.HeaderField
	debug  string
}

// queue adds a control frame. A peer that makes us queue without end, and does
// not take what is queued, ends its tunnel. The caller holds mu.
func (c *conn) queue(f control) {
	if c.err != nil {
		return
	}
	if len(c.send.control) >= maxControl {
		c.failLocked(calmError("too many control frames waiting"))
		return
	}
	c.send.control = append(c.send.control, f)
	c.send.wake.Signal()
}

// queueAck adds an answer to a PING or SETTINGS.
func (c *conn) queueAck(f control) error {
	if c.send.acks >= maxAcks {
		return calmError("too many PING or SETTINGS without taking the answers")
	}
	c.send.acks++
	c.queue(f)
	return nil
}

// encode appends a control frame to the batch. The Framer cannot fail here: the
// appender does not, and the arguments are ours.
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
