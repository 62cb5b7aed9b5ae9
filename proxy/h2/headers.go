package h2

import (
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// Header blocks are collected here and not by Framer.ReadMetaHeaders: that one
// takes any number of empty CONTINUATION frames, and answers a malformed
// request with an error where an HBONE peer is owed a 400.

// headerBlock is a block being collected; owned by recvLoop.
type headerBlock struct {
	id    uint32
	end   bool // END_STREAM
	parts int
	buf   []byte
}

func (c *conn) recvHeaders(f *http2.HeadersFrame) error {
	c.recv.block = headerBlock{id: f.StreamID, end: f.StreamEnded(), buf: c.recv.block.buf[:0]}
	return c.collect(f.HeaderBlockFragment(), f.HeadersEnded())
}

// recvContinuation: the Framer has checked that it follows a block of its stream.
func (c *conn) recvContinuation(f *http2.ContinuationFrame) error {
	return c.collect(f.HeaderBlockFragment(), f.HeadersEnded())
}

func (c *conn) collect(fragment []byte, ended bool) error {
	b := &c.recv.block
	b.parts++
	b.buf = append(b.buf, fragment...)
	if len(b.buf) > int(c.headerLimit()) || b.parts > maxBlockParts {
		// The rest would have to be read and decoded to keep the HPACK tables
		// equal; a peer that ignores the limit is not worth it (section 10.5.1).
		return calmError("header block too large")
	}
	if !ended {
		return nil
	}
	f, err := c.decode(b.buf)
	if cap(b.buf) > keptBlock {
		b.buf = nil // an idle tunnel should not hold the largest block that ever came
	}
	if err != nil {
		return err
	}
	if c.client() {
		return c.recvAnswer(b.id, b.end, f)
	}
	return c.recvRequest(b.id, b.end, f)
}

func (c *conn) decode(block []byte) (*hbone.Fields, error) {
	f := hbone.NewFields(int(c.headerLimit()))
	d := c.recv.hpack
	d.SetMaxStringLength(int(c.headerLimit()))
	d.SetEmitEnabled(true)
	d.SetEmitFunc(func(h hpack.HeaderField) {
		f.Add(h.Name, h.Value)
		d.SetEmitEnabled(f.Malformed() == "")
	})
	_, err := d.Write(block)
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		return nil, &ConnError{Local: true, Code: http2.ErrCodeCompression, Reason: err.Error()}
	}
	return f, nil
}

// encodeHeaders appends HEADERS and, if the peer's frames are too small for it,
// CONTINUATION.
func (c *conn) encodeHeaders(f control) {
	c.send.block.Reset()
	for _, h := range f.fields {
		_ = c.send.hpack.WriteField(h) // a bytes.Buffer does not fail
	}
	most := min(c.peer.frameSize, minFrameSize)
	first := c.send.block.Next(most)
	_ = c.send.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID:      f.id,
		BlockFragment: first,
		EndStream:     f.end,
		EndHeaders:    c.send.block.Len() == 0,
	})
	for c.send.block.Len() > 0 {
		next := c.send.block.Next(most)
		_ = c.send.fr.WriteContinuation(f.id, c.send.block.Len() == 0, next)
	}
}

func requestFields(h hbone.Head) []hpack.HeaderField {
	f := []hpack.HeaderField{
		{Name: ":method", Value: h.Method},
		{Name: ":authority", Value: h.RawAuthority},
	}
	return appendHeader(f, h.Header)
}

func answerFields(status int, h hbone.Header) []hpack.HeaderField {
	return appendHeader([]hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(status)}}, h)
}

// appendHeader leaves out what is empty. Values that are new for every stream
// are never indexed: they would only push the others out of the HPACK table.
func appendHeader(f []hpack.HeaderField, h hbone.Header) []hpack.HeaderField {
	add := func(name, value string, once bool) {
		if value != "" {
			f = append(f, hpack.HeaderField{Name: name, Value: value, Sensitive: once})
		}
	}
	add("baggage", h.Baggage, false)
	add("forwarded", h.Forwarded, true)
	add("traceparent", h.Traceparent, true)
	add("alt-svc", h.AltSvc, false)
	return f
}
