package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket is where commands of other terminals speak to an exclusive lab.
type Socket struct {
	// Trust answers what the processes of the data plane expose, with a record of package
	// trust; nil: nobody does. It is set before Serve.
	Trust    func(ctx context.Context, workload string, progress io.Writer) ([]byte, error)
	lab      *Lab
	listener *net.UnixListener
	down     func()
	talks    sync.WaitGroup // one per connection
}

// Listen opens the lab's socket in its base directory. down is called when somebody
// asks for the end of the lab.
func (l *Lab) Listen(base string, down func()) (*Socket, error) {
	path := filepath.Join(base, socketFile)
	// The lock says that no other lab serves it: it is of one that was killed.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, at("socket", "", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, at("socket", "", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(at("socket", "", err), listener.Close())
	}
	return &Socket{lab: l, listener: listener, down: down}, nil
}

// Serve answers until ctx is done; programs that still run are killed then. It
// closes the socket.
func (s *Socket) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.talks.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	for {
		c, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return at("socket", "", err)
		}
		s.talks.Go(func() { s.talk(ctx, c) })
	}
}

// talk serves one connection. What goes wrong with it is its client's business: the
// client hears of it if it is still there.
func (s *Socket) talk(ctx context.Context, c *net.UnixConn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.CloseRead() })()
	if err := samePerson(c); err != nil {
		_ = send(c, replyOf(0, err))
		return
	}
	files, err := receive(c, 3)
	if err != nil {
		_ = send(c, replyOf(0, &Misuse{err.Error()}))
		return
	}
	defer closeAll(files)
	in := newLines(c)
	var r request
	if err := in.next(&r); err != nil {
		_ = send(c, replyOf(0, &Misuse{fmt.Sprintf("the lab does not understand: %v", err)}))
		return
	}
	_ = send(c, s.answer(ctx, cancel, r, in, files))
	if r.Down {
		s.down()
	}
}

func (s *Socket) answer(ctx context.Context, hangUp context.CancelFunc, r request, in lines, files []*os.File) reply {
	switch {
	case r.Exec != nil && len(files) == 3:
		signals := make(chan syscall.Signal)
		s.talks.Go(func() { relaySignals(ctx, hangUp, in, signals) })
		return replyOf(s.lab.exec(ctx, *r.Exec, [3]*os.File(files), signals))
	case r.Status:
		status := s.lab.Status()
		return reply{Status: &status}
	case r.Down:
		return reply{}
	case r.Move != nil:
		moved, err := s.lab.Move(ctx, r.Move.Pod, r.Move.To)
		said := replyOf(0, err)
		said.Moved = moved
		return said
	case r.Trust != "" && s.Trust != nil && len(files) == 1:
		s.talks.Go(func() { relaySignals(ctx, hangUp, in, make(chan syscall.Signal)) })
		record, err := s.Trust(ctx, r.Trust, files[0])
		said := replyOf(0, err)
		said.Trust = record
		return said
	}
	return replyOf(0, &Misuse{"the lab does not understand what it should do"})
}

// relaySignals reads signals for a program until the client hangs up, which ends the
// program: nobody is left to read what it says.
func relaySignals(ctx context.Context, hangUp context.CancelFunc, in lines, signals chan<- syscall.Signal) {
	defer hangUp()
	for {
		var r request
		if err := in.next(&r); err != nil {
			return
		}
		select {
		case signals <- syscall.Signal(r.Signal):
		case <-ctx.Done():
			return
		}
	}
}

func replyOf(exit int, err error) reply {
	if err == nil {
		return reply{Exit: exit}
	}
	var misuse *Misuse
	return reply{Exit: exit, Error: err.Error(), Misuse: errors.As(err, &misuse)}
}

// samePerson refuses other users than the lab's own: the mode of the socket does so
// already, but not for root of an enclosing user namespace.
func samePerson(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, credErr); err != nil {
		return err
	}
	if int(cred.Uid) != os.Geteuid() {
		return &Misuse{fmt.Sprintf("this lab belongs to another user than uid %d", cred.Uid)}
	}
	return nil
}
