package h3

import (
	"github.com/quic-go/quic-go/quicvarint"
)

// The frames of RFC 9114 section 7.2.
const (
	frameData     = 0x00
	frameHeaders  = 0x01
	frameCancel   = 0x03
	frameSettings = 0x04
	framePush     = 0x05
	frameGoAway   = 0x07
	frameMaxPush  = 0x0d
	frameNothing  = 0x21 // the first of those that have no meaning (section 7.2.8)
)

// reservedFrame is one of HTTP/2 that must not come here (section 7.2.8).
func reservedFrame(t uint64) bool { return t == 0x02 || t == 0x06 || t == 0x08 || t == 0x09 }

// maxFrameHead is two variable-length integers.
const maxFrameHead = 16

func appendFrameHead(b []byte, kind uint64, length int) []byte {
	return quicvarint.Append(quicvarint.Append(b, kind), uint64(length))
}

// deframer takes the frames off what arrives in a request stream, after its first HEADERS:
// the payload of DATA is moved together, in place, and everything else is skipped or an error. Moving costs little
// beside decrypting, and a read of the stream for each frame's head would cost a lock and a
// copy each.
type deframer struct {
	head  [maxFrameHead]byte // of a frame whose head has not come in full
	have  int                // of head
	left  uint64             // of the payload that is being read
	skip  bool               // it is no DATA
	noise int                // frames that moved nothing, as limits counts them; who takes clears it
}

// take moves the payload in b to its beginning and returns how much there is.
func (d *deframer) take(b []byte) (kept int, err error) {
	for at := 0; at < len(b); {
		if d.left == 0 {
			n, err := d.begin(b[at:])
			if err != nil {
				return kept, err
			}
			at += n
			continue
		}
		n := int(min(d.left, uint64(len(b)-at)))
		if !d.skip {
			kept += copy(b[kept:], b[at:at+n])
		}
		d.left -= uint64(n)
		at += n
	}
	return kept, nil
}

// begin takes what there is of the next frame's head.
func (d *deframer) begin(b []byte) (int, error) {
	had := d.have
	d.have += copy(d.head[had:], b)
	kind, n, err := quicvarint.Parse(d.head[:d.have])
	if err != nil {
		return d.have - had, nil // more is to come
	}
	length, m, err := quicvarint.Parse(d.head[n:d.have])
	if err != nil {
		return d.have - had, nil
	}
	d.have, d.left = 0, length
	if kind != frameData || length == 0 {
		d.noise += tokens(length)
	}
	return n + m - had, d.admit(kind)
}

// admit judges a frame by its kind: of those that RFC 9114 knows, a CONNECT has DATA only (section 4.4).
func (d *deframer) admit(kind uint64) error {
	d.skip = kind != frameData
	switch {
	case kind == frameHeaders, kind == frameCancel, kind == frameSettings, kind == framePush, kind == frameGoAway, kind == frameMaxPush, reservedFrame(kind):
		return connError(codeUnexpected, "frame %#x on a request stream", kind)
	}
	return nil
}

// whole says whether a stream may end here.
func (d *deframer) whole() bool { return d.left == 0 && d.have == 0 }
