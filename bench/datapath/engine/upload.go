package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a client waits for something that should come at once.
const patience = 15 * time.Second

// errStuck is a path that does not move.
var errStuck = fmt.Errorf("nothing has moved for %v", patience)

// uploader is an upload at work.
type uploader struct {
	poll  *poll
	clock clock
	pages []byte
	conns []sending
	ended func() error // of the context
	wants int          // connections that have not their receipt
	until func() bool
}

// sending is one connection.
type sending struct {
	fd      int
	pos     int64
	stop    int64 // where to ask; -1: at the next page from when until says so
	asked   int   // bytes of the mark that are sent
	receipt [receiptSize]byte
	had     int // bytes of it
	answer  receipt
}

// warmUp is how many bytes go over all connections before the measurement: windows and
// congestion control have found their size by then.
const warmUp = 32 << 20

// chunk is how much an application writes at a time.
const chunk = 64 << 10

func runUpload(ctx context.Context, j Job, begin func() error) (r Result, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	u := &uploader{ended: ctx.Err, clock: newClock(), pages: pages(), conns: make([]sending, j.Connections)}
	if u.poll, err = newPoll(); err != nil {
		return r, err
	}
	defer u.close()
	for i := range u.conns {
		u.conns[i].fd = -1
	}
	for i := range u.conns {
		if err := u.connect(j, i); err != nil {
			return r, err
		}
	}
	stop := warmUp / int64(j.Connections) / page * page
	if err := u.round(stop, func() bool { return false }); err != nil {
		return r, err
	}
	before := u.total()
	if err := begin(); err != nil {
		return r, err
	}
	r.From = u.clock.now()
	end := r.From + int64(j.For)
	if err := u.round(-1, func() bool { return u.clock.now() >= end }); err != nil {
		return r, err
	}
	r.Bytes = u.total() - before
	r.Took = time.Duration(u.last() - r.From)
	return r, nil
}

func (u *uploader) close() {
	for _, c := range u.conns {
		if c.fd >= 0 {
			unix.Close(c.fd)
		}
	}
	u.poll.close()
}

func (u *uploader) connect(j Job, i int) error {
	to, err := addressOf(j.To[i%len(j.To)])
	if err != nil {
		return err
	}
	if u.conns[i].fd, err = connect(to); err != nil {
		return err
	}
	return u.poll.add(u.conns[i].fd, i, readable|writable)
}

// total and last are what the server has said.
func (u *uploader) total() (bytes int64) {
	for i := range u.conns {
		bytes += u.conns[i].answer.bytes
	}
	return bytes
}

func (u *uploader) last() (at int64) {
	for i := range u.conns {
		at = max(at, u.conns[i].answer.at)
	}
	return at
}

// round sends until every connection has its receipt.
func (u *uploader) round(stop int64, until func() bool) error {
	u.until, u.wants = until, len(u.conns)
	for i := range u.conns {
		c := &u.conns[i]
		c.stop, c.asked, c.had = stop, 0, 0
		if err := u.poll.modify(c.fd, i, readable|writable); err != nil {
			return err
		}
	}
	moved := u.clock.now()
	for u.wants > 0 {
		if err := u.ended(); err != nil {
			return err
		}
		events, err := u.poll.wait(longest)
		if err != nil {
			return err
		}
		if now := u.clock.now(); len(events) > 0 {
			moved = now
		} else if now-moved > int64(patience) {
			return errStuck
		}
		for i := range events {
			if err := u.on(int(events[i].Fd), events[i].Events); err != nil {
				return fmt.Errorf("upload %d of %d: %w", events[i].Fd+1, len(u.conns), err)
			}
		}
	}
	return nil
}

func (u *uploader) on(i int, what uint32) error {
	c := &u.conns[i]
	if what&(readable|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		if err := u.receive(c); err != nil {
			return err
		}
	}
	if what&writable == 0 {
		return nil
	}
	if c.stop == -1 && u.until() {
		c.stop = (c.pos + page - 1) / page * page
	}
	if c.stop != -1 && c.pos == c.stop {
		return u.ask(i, c)
	}
	n := int64(min(chunk, len(u.pages)-int(c.pos%int64(len(u.pages)))))
	if c.stop != -1 {
		n = min(n, c.stop-c.pos)
	}
	off := c.pos % int64(len(u.pages))
	sent, errno := write(c.fd, u.pages[off:off+n])
	if errno != 0 && errno != again {
		return errno
	}
	if errno == 0 {
		c.pos += int64(sent)
	}
	return nil
}

// ask asks for the receipt, and from then on only listens.
func (u *uploader) ask(i int, c *sending) error {
	var b [markSize]byte
	binary.LittleEndian.PutUint64(b[:], mark(upload, ask))
	n, errno := write(c.fd, b[c.asked:])
	switch {
	case errno == again:
		return nil
	case errno != 0:
		return errno
	}
	if c.asked += n; c.asked < markSize {
		return nil
	}
	return u.poll.modify(c.fd, i, readable)
}

func (u *uploader) receive(c *sending) error {
	if c.had == receiptSize {
		return errors.New("the server says more than was asked")
	}
	n, errno := read(c.fd, c.receipt[c.had:])
	switch {
	case errno == again:
		return nil
	case errno != 0:
		return errno
	case n == 0:
		return io.ErrUnexpectedEOF
	}
	if c.had += n; c.had < receiptSize {
		return nil
	}
	c.answer = parseReceipt(&c.receipt)
	if c.answer.bytes != c.pos {
		return fmt.Errorf("%d bytes were sent, and the server has %d", c.pos, c.answer.bytes)
	}
	u.wants--
	return nil
}
