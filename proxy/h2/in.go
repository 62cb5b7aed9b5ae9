package h2

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/cork"
)

// The life of a byte on its way in, all on recvLoop:
//
//	socket → cork: one read of all that came        (fill)
//	cork → TLS: record by record into one buffer    (fill)
//	buffer → frames; DATA stays where it is         (recvFrames, recvData)
//	DATA of one stream, gathered                    (gather)
//	→ the application's socket, without blocking    (flushIn → inbox.deliver)
//	→ or, where that takes no more, into the inbox, whose bytes a goroutine carries on
//
// Then the buffer goes back to its pool, and recvLoop waits without one. A byte is
// copied by cork, by TLS and by the kernel, and by nobody else unless it must wait.

// readSize is what is decrypted before anything of it is passed on: the writes to
// applications are as large as that, the memory of a busy tunnel too.
const readSize = 256 << 10

// maxRecord is the plaintext of a TLS record (RFC 8446 section 5.1), the least room
// that is worth a read.
const maxRecord = 16 << 10

// plainSize is enough where reads block, and a buffer is held meanwhile.
const plainSize = frameSize + maxRecord

type readBuffer struct{ b []byte }

var readBuffers, plainBuffers = readPool(readSize), readPool(plainSize)

func readPool(size int) *sync.Pool {
	return &sync.Pool{New: func() any { return &readBuffer{make([]byte, size)} }}
}

// recvLoop reads until the tunnel ends, and says why it did.
func (c *conn) recvLoop() error {
	err := c.recvGreeting()
	for err == nil {
		if err = c.recvFrames(); err == nil {
			err = c.fill()
		}
	}
	return err
}

// fill waits for bytes and takes all that came.
func (c *conn) fill() error {
	s := &c.recv
	s.stash()
	for got := 0; got == 0; {
		if s.failed != nil {
			return s.failed
		}
		if s.drained {
			if cap(s.gathered) > keptGathered {
				s.gathered = nil
			}
			if err := c.link.wait(); err != nil {
				s.failed = err
				continue
			}
			s.drained = false
		}
		got = c.read()
	}
	s.now = time.Since(c.born)
	return nil
}

// read takes bytes until there is nothing whole left, or no room.
func (c *conn) read() (got int) {
	s := &c.recv
	s.open(c.link.under != nil)
	for s.failed == nil && !s.drained && len(s.buf.b)-s.w >= maxRecord {
		n, err := c.link.Read(s.buf.b[s.w:])
		s.w += n
		got += n
		switch {
		case err == cork.Empty:
			s.drained = true
		case err != nil:
			s.failed = err
		case c.link.under == nil:
			return got // the next read would block
		}
	}
	if got == 0 {
		s.stash()
	}
	return got
}

// stash gives the buffer back before a wait, but for the beginning of a frame, which is
// kept in memory of its size: a tunnel that waits holds no buffer, whatever its peer has
// sent half of.
func (s *recvState) stash() {
	if s.buf == nil {
		return
	}
	if s.rest = append(s.rest[:0], s.buf.b[s.r:s.w]...); len(s.rest) == 0 && cap(s.rest) > smallRest {
		s.rest = nil
	}
	s.release()
}

const smallRest = 512

// open takes a buffer, with the rest of the last one in it.
func (s *recvState) open(batching bool) {
	if s.buf != nil {
		return
	}
	s.from = plainBuffers
	if batching {
		s.from = readBuffers
	}
	s.buf = s.from.Get().(*readBuffer)
	s.r, s.w = 0, copy(s.buf.b, s.rest)
	s.rest = s.rest[:0]
}

func (s *recvState) release() {
	if s.buf != nil {
		s.from.Put(s.buf)
	}
	s.buf, s.r, s.w = nil, 0, 0
}

// Read is the Framer's: it is asked for no more than there is.
func (s *recvState) Read(p []byte) (int, error) {
	n := copy(p, s.buf.b[s.r:s.w])
	s.r += n
	return n, nil
}

// recvFrames takes the frames that are whole, and of DATA what is there.
func (c *conn) recvFrames() error {
	for {
		more, err := c.recvFrame()
		if se, ok := err.(*streamError); ok {
			err = c.recvStreamError(se)
		}
		if err != nil || !more {
			c.flushIn()
			return err
		}
	}
}

// recvFrame goes one step on, and reports whether there was one.
func (c *conn) recvFrame() (more bool, err error) {
	s := &c.recv
	if !s.begun {
		if s.w-s.r < frameHeaderSize {
			return false, nil
		}
		if err := c.beginFrame(); err != nil {
			return true, err
		}
	}
	if s.frame.Type == http2.FrameData {
		return c.recvData()
	}
	if s.w-s.r < int(s.frame.Length) {
		return false, nil
	}
	c.flushIn() // what came before it is through before it
	s.begun = false
	f, err := s.fr.ReadFrameForHeader(s.frame)
	if err != nil {
		return true, frameError(s.fr, s.frame.Type, err)
	}
	return true, c.dispatch(f)
}

func (c *conn) beginFrame() (err error) {
	s := &c.recv
	if s.frame, err = s.fr.ReadFrameHeader(); err != nil {
		return frameError(s.fr, s.frame.Type, err)
	}
	s.begun = true
	s.data = dataFrame{}
	c.lastRecv.Store(int64(s.now)) // a whole header is a sign of life, a byte is not
	return c.spend(s.frame)
}

// dataFrame is the DATA frame that is being taken.
type dataFrame struct {
	admitted  bool
	to        *stream // nil: nobody wants it
	err       error   // of its stream, once the payload is off
	left, pad int     // bytes to come
}

// recvData takes what is there of a DATA frame. The Framer's own way would be to read
// the whole into a buffer of its own first.
func (c *conn) recvData() (more bool, err error) {
	s := &c.recv
	if !s.data.admitted {
		if s.frame.Flags.Has(http2.FlagDataPadded) && s.frame.Length > 0 && s.r == s.w {
			return false, nil // the pad length is to come
		}
		if err := c.beginData(); err != nil {
			return true, err
		}
	}
	d := &s.data
	if n := min(d.left, s.w-s.r); n > 0 {
		c.gather(d.to, s.buf.b[s.r:s.r+n])
		s.r += n
		d.left -= n
	}
	n := min(d.pad, s.w-s.r)
	s.r += n
	d.pad -= n
	if d.left+d.pad > 0 {
		return false, nil
	}
	s.begun = false
	if d.to == nil {
		return true, d.err
	}
	if s.frame.Flags.Has(http2.FlagDataPadded) {
		c.flushIn()
		d.to.giveBack(d.to.in.credit())
	}
	if s.frame.Flags.Has(http2.FlagDataEndStream) {
		c.flushIn()
		c.endRecv(d.to)
	}
	return true, nil
}

// beginData checks a DATA frame and finds its stream.
func (c *conn) beginData() error {
	s := &c.recv
	if s.frame.StreamID == 0 {
		return protocolError("DATA on stream 0") // RFC 9113 section 6.1
	}
	d := dataFrame{admitted: true, left: int(s.frame.Length)}
	if s.frame.Flags.Has(http2.FlagDataPadded) {
		if d.left == 0 {
			return &ConnError{Local: true, Code: http2.ErrCodeFrameSize, Reason: "DATA without its pad length"}
		}
		d.pad = int(s.buf.b[s.r])
		s.r++
		d.left--
		if d.pad > d.left {
			return protocolError("padding longer than its frame") // section 6.1
		}
		d.left -= d.pad
	}
	var err error
	if d.to, d.err, err = c.admit(s.frame); err != nil {
		return err
	}
	s.data = d
	return c.spendEmpty(d)
}

// admit says whose bytes are coming: nil when nobody wants them. A stream's
// error is handed back apart, since the payload must be taken off first.
func (c *conn) admit(fh http2.FrameHeader) (s *stream, streamErr, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err = c.lookup(fh.StreamID)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case s == nil:
	case s.recvEnded: // RFC 9113 section 5.1, half-closed (remote)
		streamErr = &streamError{s.id, http2.ErrCodeStreamClosed, "DATA after END_STREAM"}
	case c.client() && !s.answered:
		streamErr = &streamError{s.id, http2.ErrCodeProtocol, "DATA before the answer"}
	}
	if streamErr != nil {
		s = nil
	}
	err = c.arrive(s, int(fh.Length))
	if se, ok := err.(*streamError); ok {
		return nil, se, nil
	}
	return s, streamErr, err
}

// gathered is DATA of one stream that has not been passed on, in the read buffer. Frames
// of many streams come in turns; passed on one by one, each would be a system call.
type gathered struct {
	to *stream
	v  [][]byte
}

// maxGathered bounds a writev; more pieces than that are small ones.
const maxGathered = 64

func (c *conn) gather(to *stream, p []byte) {
	if to == nil {
		return
	}
	s := &c.recv
	if to.gathered == 0 {
		if len(s.gathered) == maxGathered {
			c.flushIn()
		}
		s.gathered = slices.Grow(s.gathered, 1)[:len(s.gathered)+1] // with its v of last time
		s.gathered[len(s.gathered)-1].to = to
		to.gathered = len(s.gathered)
	}
	g := &s.gathered[to.gathered-1]
	if g.v = append(g.v, p); len(g.v) == maxGathered {
		c.flushIn()
	}
}

// flushIn passes on what was gathered, in the order of each stream's first.
func (c *conn) flushIn() {
	all := c.recv.gathered
	c.recv.gathered = all[:0]
	for i := range all {
		g := &all[i]
		g.to.gathered = 0
		c.passOn(g.to, g.v)
		clear(g.v)
		g.to, g.v = nil, g.v[:0]
	}
}

// passOn gives the credit for what it takes back.
func (c *conn) passOn(s *stream, v [][]byte) {
	back, rest := s.in.deliver(s, v)
	for len(rest) > 0 && c.overflow(s) != s {
		back, rest = s.in.deliver(s, rest)
	}
	s.giveBack(back)
}

// spendEmpty charges DATA without a byte for anybody; spend has charged what is empty
// by its header.
func (c *conn) spendEmpty(d dataFrame) error {
	fh := c.recv.frame
	end := fh.Flags.Has(http2.FlagDataEndStream)
	charged := fh.Length == 0 && !end
	if d.left > 0 || charged || end && d.to != nil || c.recv.noise.Spend(time.Now(), 1) {
		return nil
	}
	return calmError("too much DATA without a byte")
}

// overflow resets the stream that holds most, s if it is no other, and returns it: its
// workload has no budget for what comes. To reset the one whose bytes came last would be
// simpler, and streams that nobody reads would take along those that are read.
func (c *conn) overflow(s *stream) *stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := s.in.holds()
	for _, o := range c.streams {
		if n := o.in.holds(); n > most {
			s, most = o, n
		}
	}
	s.abort(http2.ErrCodeEnhanceYourCalm, c.o.Account.Overflow())
	return s
}

// endRecv notes the peer's END_STREAM, unless the stream was reset meanwhile: then its
// reader is owed the reason, not a clean end.
func (c *conn) endRecv(s *stream) {
	c.mu.Lock()
	if s.gone {
		c.mu.Unlock()
		return
	}
	s.endRecv()
	c.mu.Unlock()
	s.in.tell()
}
