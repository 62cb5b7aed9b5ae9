package engine

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// fresh is a connection of which nothing came yet.
const fresh = 'F'

// errEnded is a connection's usual end.
var errEnded = errors.New("the client has gone")

// talk does what one connection wants now.
func (s *server) talk(fd int, c *served, what uint32) error {
	if len(c.pending) > 0 {
		if what&(writable|unix.EPOLLERR|unix.EPOLLHUP) == 0 {
			return nil
		}
		return s.resume(fd, c)
	}
	n, errno := read(fd, s.buf)
	switch {
	case errno == again:
		return nil
	case errno == unix.ECONNRESET || errno == 0 && n == 0:
		if c.kind == upload && c.upload.said != c.upload.pos {
			return fmt.Errorf("an upload: %w after %d bytes", io.ErrUnexpectedEOF, c.upload.pos)
		}
		return errEnded
	case errno != 0:
		return errno
	}
	b := s.buf[:n]
	if c.kind == fresh {
		c.kind = b[0]
	}
	switch c.kind {
	case echo:
		return s.answer(fd, c, b)
	case upload:
		return s.count(fd, c, b)
	}
	return fmt.Errorf("a connection begins with %q", b[0])
}

// answer sends b back. While there is no room for all of it nothing more is read.
func (s *server) answer(fd int, c *served, b []byte) error {
	n, errno := write(fd, b)
	if errno != 0 && errno != again {
		return gone(errno)
	}
	if errno == again {
		n = 0
	}
	if n == len(b) {
		return nil
	}
	c.pending = append(c.pending[:0], b[n:]...)
	return s.poll.modify(fd, fd, writable)
}

// resume sends what there was no room for.
func (s *server) resume(fd int, c *served) error {
	n, errno := write(fd, c.pending)
	switch {
	case errno == again:
		return nil
	case errno != 0:
		return gone(errno)
	}
	rest := copy(c.pending, c.pending[n:])
	c.pending = c.pending[:rest]
	if rest > 0 {
		return nil
	}
	return s.poll.modify(fd, fd, readable)
}

// gone is what a failed write means: a client may leave with answers under way.
func gone(errno unix.Errno) error {
	if errno == unix.EPIPE || errno == unix.ECONNRESET {
		return errEnded
	}
	return errno
}

// count takes a part of an upload, and says what there is when it is time.
func (s *server) count(fd int, c *served, b []byte) error {
	u := &c.upload
	if err := u.take(b); err != nil || !u.asked {
		return err
	}
	u.asked = false
	return s.say(fd, c, receipt{u.pos, s.clock.now()})
}

func (s *server) say(fd int, c *served, r receipt) error {
	var b [receiptSize]byte
	r.put(&b)
	return s.answer(fd, c, b[:])
}
