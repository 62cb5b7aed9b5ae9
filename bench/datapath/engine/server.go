package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"

	"golang.org/x/sys/unix"
)

// server is Serve at work. Connections are indexed by their descriptors.
type server struct {
	poll  *poll
	clock clock
	buf   []byte
	conns []served
	warn  func(error)
}

// served is one connection, or a listener.
type served struct {
	kind    byte // 0: nothing came yet
	pending []byte
	upload  uploaded
}

const (
	listener  = 'L'
	readSize  = 256 << 10
	maxServed = 1 << 20 // descriptors; a machine has fewer
)

// Serve answers jobs until ctx is done. It needs the process for itself. listening, which
// may be nil, is called when every address can be connected to; warn is told of
// connections that were not what they should be, and why.
func Serve(ctx context.Context, at []netip.AddrPort, listening func(), warn func(error)) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := &server{clock: newClock(), buf: make([]byte, readSize), warn: warn}
	var err error
	if s.poll, err = newPoll(); err != nil {
		return err
	}
	defer s.close()
	for _, a := range at {
		fd, err := listen(a)
		if err != nil {
			return err
		}
		s.at(fd).kind = listener
		if err := s.poll.add(fd, fd, readable); err != nil {
			return err
		}
	}
	if listening != nil {
		listening()
	}
	for ctx.Err() == nil {
		events, err := s.poll.wait(longest)
		if err != nil {
			return err
		}
		for i := range events {
			if err := s.on(int(events[i].Fd), events[i].Events); err != nil {
				return err
			}
		}
	}
	return nil
}

// close closes everything that has a kind, or may have.
func (s *server) close() {
	for fd := range s.conns {
		if s.conns[fd].kind != 0 {
			unix.Close(fd)
		}
	}
	s.poll.close()
}

// at is the place of a descriptor.
func (s *server) at(fd int) *served {
	for fd >= len(s.conns) {
		s.conns = append(s.conns, make([]served, max(64, len(s.conns)))...)
	}
	return &s.conns[fd]
}

func (s *server) on(fd int, what uint32) error {
	c := s.at(fd)
	if c.kind == listener {
		return s.accept(fd)
	}
	err := s.talk(fd, c, what)
	if err == nil {
		return nil
	}
	if !errors.Is(err, errEnded) && s.warn != nil {
		s.warn(err)
	}
	*c = served{}
	unix.Close(fd)
	return nil
}

// accept takes whoever waits; not too many, for those that are there to have their turn.
func (s *server) accept(l int) error {
	for range 64 {
		fd, errno := accept(l)
		switch {
		case errno == again:
			return nil
		case errno == unix.ECONNABORTED || errno == unix.EINTR:
			continue
		case errno != 0:
			return fmt.Errorf("accept: %w", errno)
		case fd >= maxServed:
			unix.Close(fd)
			return fmt.Errorf("%d connections are too many", fd)
		}
		s.at(fd).kind = fresh
		if err := s.poll.add(fd, fd, readable); err != nil {
			return err
		}
	}
	return nil
}
