package h3

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// maxHeaders bounds a header section, as it comes and as it is decoded: what SETTINGS
// says of it (RFC 9114 section 4.2.2).
const maxHeaders = 64 << 10

// maxSkipped bounds what a peer may send before its HEADERS, or as interim answers.
const maxSkipped = 64 << 10

// blocks hold a HEADERS frame while it is made.
var blocks = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// appendHeaders appends a HEADERS frame to b.
func appendHeaders(b []byte, write func(*qpack.Encoder)) []byte {
	block := blocks.Get().(*bytes.Buffer)
	defer blocks.Put(block)
	block.Reset()
	write(qpack.NewEncoder(block))
	return append(appendFrameHead(b, frameHeaders, block.Len()), block.Bytes()...)
}

func appendRequest(b []byte, h hbone.Head) []byte {
	return appendHeaders(b, func(e *qpack.Encoder) {
		writeField(e, ":method", h.Method)
		_ = e.WriteField(qpack.HeaderField{Name: ":authority", Value: h.RawAuthority})
		writeHeader(e, h.Header)
	})
}

func appendAnswer(b []byte, status int, h hbone.Header) []byte {
	return appendHeaders(b, func(e *qpack.Encoder) {
		writeField(e, ":status", strconv.Itoa(status))
		writeHeader(e, h)
	})
}

func writeHeader(e *qpack.Encoder, h hbone.Header) {
	writeField(e, "baggage", h.Baggage)
	writeField(e, "forwarded", h.Forwarded)
	writeField(e, "traceparent", h.Traceparent)
	writeField(e, "alt-svc", h.AltSvc)
}

// writeField leaves out what is empty.
func writeField(e *qpack.Encoder, name, value string) {
	if value != "" {
		_ = e.WriteField(qpack.HeaderField{Name: name, Value: value}) // a bytes.Buffer does not fail
	}
}

// readHeaders reads frames up to the first HEADERS, and its fields. What it skips is charged to l.
func readHeaders(r io.Reader, l *limits) (*hbone.Fields, error) {
	v := quicvarint.NewReader(r)
	for skipped := uint64(0); ; {
		kind, length, err := readFrameHead(v)
		if err != nil {
			return nil, err
		}
		switch {
		case kind == frameHeaders && length > maxHeaders:
			return nil, &streamError{codeLoad, "header section larger than advertised"}
		case kind == frameHeaders:
			return readFields(r, int64(length))
		case kind == frameData, kind == frameCancel, kind == frameSettings, kind == framePush, kind == frameGoAway, kind == frameMaxPush, reservedFrame(kind):
			return nil, connError(codeUnexpected, "frame %#x before HEADERS", kind)
		case length > maxSkipped, skipped+length > maxSkipped:
			return nil, connError(codeLoad, "too much before HEADERS")
		}
		if err := l.noisy(tokens(length)); err != nil {
			return nil, err
		}
		skipped += length + 1
		if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
			return nil, cutShort(err)
		}
	}
}

// readFields reads a block of fields. Its memory grows with what comes: to take what the frame's head
// says would give 64 KiB for five bytes, on no budget.
func readFields(r io.Reader, length int64) (*hbone.Fields, error) {
	var block bytes.Buffer
	if _, err := io.CopyN(&block, r, length); err != nil {
		return nil, cutShort(err)
	}
	return decodeFields(block.Bytes())
}

func readFrameHead(v quicvarint.Reader) (kind, length uint64, err error) {
	if kind, err = quicvarint.Read(v); err != nil {
		return 0, 0, err
	}
	length, err = quicvarint.Read(v)
	return kind, length, cutShort(err)
}

// cutShort turns the end of a stream within a frame into the error that it is (section 7.1).
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return connError(codeFrame, "a frame is cut short")
	}
	return err
}

func decodeFields(block []byte) (*hbone.Fields, error) {
	f := hbone.NewFields(maxHeaders)
	next := qpack.NewDecoder().Decode(block)
	for f.Malformed() == "" {
		h, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, connError(codeDecompressed, "%v", err)
		}
		f.Add(h.Name, h.Value)
	}
	return f, nil
}
