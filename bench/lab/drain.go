package lab

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// drain is what a container runtime has behind a container's output: a pipe, and a
// reader that puts into a file what comes. It can stop reading, as it does when it hangs
// or its disk is full.
type drain struct {
	r     *os.File
	log   *os.File
	ended chan struct{}

	mu      sync.Mutex
	goOn    sync.Cond
	stalled bool
}

// newDrain returns the end for the container; the caller closes its own copy.
func newDrain(path string) (*drain, *os.File, error) {
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	d := &drain{r: r, log: log, ended: make(chan struct{})}
	d.goOn.L = &d.mu
	go d.run()
	return d, w, nil
}

func (d *drain) run() {
	defer close(d.ended)
	defer d.log.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := d.r.Read(b)
		d.await()
		_, _ = d.log.Write(b[:n]) // a full disk costs lines
		if err != nil {
			return
		}
	}
}

// await returns unless the reader is stalled.
func (d *drain) await() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.stalled {
		d.goOn.Wait()
	}
}

// Sizes of a pipe: the least, which is full after a few lines, and the usual one.
const (
	leastPipe = 4 << 10
	usualPipe = 64 << 10
)

// stall has nobody read. A pipe of the usual size would take a hundred lines more, and
// the drill would be over before it is full.
func (d *drain) stall() error {
	d.mu.Lock()
	d.stalled = true
	d.mu.Unlock()
	err := d.resize(leastPipe)
	if errors.Is(err, unix.EBUSY) {
		return nil // it holds more than that already
	}
	return err
}

func (d *drain) resume() error {
	d.mu.Lock()
	d.stalled = false
	d.goOn.Broadcast()
	d.mu.Unlock()
	return d.resize(usualPipe)
}

func (d *drain) resize(size int) error {
	raw, err := d.r.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { _, failed = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size) })
	return errors.Join(err, failed)
}

// lastLines is how long what a container left in its pipe is waited for: a process that
// outlived it may hold the other end.
const lastLines = time.Second

// close reads what is left after the container's end. A nil *drain has nothing.
func (d *drain) close() {
	if d == nil {
		return
	}
	_ = d.resume()
	select {
	case <-d.ended:
	case <-time.After(lastLines):
	}
	d.r.Close()
	<-d.ended
}
