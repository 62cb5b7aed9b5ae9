package keeper

import (
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
)

// shelf holds descriptors as the anchor does, in the hands of a test that says when its
// keeper dies.
type shelf struct {
	mu   sync.Mutex
	held map[string]anchor.Held
	last int // the Hold after so many more is the keeper's end; 0: none is
}

var errDied = errors.New("the keeper has died")

func newShelf(t *testing.T) *shelf {
	s := &shelf{held: map[string]anchor.Held{}}
	t.Cleanup(func() {
		for name := range s.held {
			_ = s.Drop(name)
		}
	})
	return s
}

func (s *shelf) Hold(name string, label []byte, f *os.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, err := again(f)
	if err != nil {
		return err
	}
	if old, ok := s.held[name]; ok {
		old.File.Close()
	}
	s.held[name] = anchor.Held{Name: name, Label: label, File: kept}
	if s.last--; s.last == 0 {
		panic(errDied)
	}
	return nil
}

func (s *shelf) Drop(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.held[name]
	if !ok {
		return errors.New("not held: " + name)
	}
	delete(s.held, name)
	return h.File.Close()
}

func (s *shelf) Fetch(name string) (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.held[name]
	if !ok {
		return nil, errors.New("not held: " + name)
	}
	return again(h.File)
}

// again is another descriptor of the same.
func again(f *os.File) (copied *os.File, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	controlled := raw.Control(func(fd uintptr) {
		var n int
		if n, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			copied = os.NewFile(uintptr(n), f.Name())
		}
	})
	return copied, errors.Join(controlled, err)
}
