package h2

import (
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
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

func (c *conn) decode(block []byte) (*fields, error) {
	f := &fields{left: int(c.headerLimit())}
	d := c.recv.hpack
	d.SetMaxStringLength(f.left)
	d.SetEmitEnabled(true)
	d.SetEmitFunc(func(h hpack.HeaderField) {
		f.add(h)
		d.SetEmitEnabled(f.malformed == "")
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

// fields is a decoded block: what HBONE reads of it, and what is wrong with it.
type fields struct {
	pseudo    [numPseudo]string
	seen      [numPseudo]bool
	header    hbone.Header
	regular   bool   // a regular field has come
	left      int    // of the list's size limit
	malformed string // the first thing found wrong
}

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

func (f *fields) add(h hpack.HeaderField) {
	if f.left -= int(h.Size()); f.left < 0 {
		f.malformed = "header list larger than advertised"
		return
	}
	if !httpguts.ValidHeaderFieldValue(h.Value) || strings.Trim(h.Value, " \t") != h.Value {
		f.malformed = "invalid value of " + quote(h.Name) // RFC 9113 section 8.2.1
		return
	}
	if h.IsPseudo() {
		f.addPseudo(h)
		return
	}
	f.addRegular(h)
}

// addPseudo: RFC 9113 section 8.3.
func (f *fields) addPseudo(h hpack.HeaderField) {
	if f.regular {
		f.malformed = "pseudo-header after a regular one"
		return
	}
	for i, name := range pseudoNames {
		if h.Name != name {
			continue
		}
		if f.seen[i] {
			f.malformed = "duplicate " + name
		}
		f.pseudo[i], f.seen[i] = h.Value, true
		return
	}
	f.malformed = "unknown pseudo-header " + quote(h.Name)
}

func (f *fields) addRegular(h hpack.HeaderField) {
	f.regular = true
	switch h.Name {
	case "baggage":
		f.header.Baggage = h.Value
	case "forwarded":
		f.header.Forwarded = h.Value
	case "traceparent":
		f.header.Traceparent = h.Value
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		f.malformed = "connection-specific header " + h.Name // RFC 9113 section 8.2.2
	case "te":
		if h.Value != "trailers" {
			f.malformed = "connection-specific header te"
		}
	default:
		if !httpguts.ValidHeaderFieldName(h.Name) || strings.ToLower(h.Name) != h.Name {
			f.malformed = "invalid header name " + quote(h.Name)
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

// request judges the block as a request (RFC 9113 sections 8.3.1 and 8.5). A
// malformed one has no authority, so that nobody can be tempted to serve it.
func (f *fields) request() hbone.Head {
	method := f.pseudo[pseudoMethod]
	h := hbone.Head{Method: method[:min(len(method), quoted)], RawAuthority: f.pseudo[pseudoAuthority], Header: f.header}
	connect := h.Method == hbone.MethodConnect
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

// answer judges the block as a response (RFC 9113 section 8.3.2).
func (f *fields) answer() (status int, malformed string) {
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
	return f
}
