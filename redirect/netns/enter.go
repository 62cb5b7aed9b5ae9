package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do runs fn in the namespace: on a locked thread that enters it, and leaves it
// afterwards. In the process's own namespace it just calls fn. A panic in fn
// comes out of Do; an error of fn comes back as it is.
//
// fn runs on a goroutine of its own rather than on the caller's: a thread that
// cannot go back must never run other goroutines, and the only way to get rid
// of one is to let a goroutine that is locked to it end. The caller cannot end.
func (n *Namespace) Do(fn func() error) error {
	if n.own {
		return fn()
	}
	v := visit{ns: n, fn: fn, done: make(chan struct{})}
	go v.run()
	<-v.done
	if v.panicked != nil {
		panic(v.panicked)
	}
	return v.err
}

// A visit is one stay in a namespace. Its fields belong to run until done.
type visit struct {
	ns       *Namespace
	fn       func() error
	err      error
	panicked any
	done     chan struct{}
}

func (v *visit) run() {
	defer close(v.done)
	runtime.LockOSThread()
	if v.err = v.ns.enter(); v.err != nil {
		runtime.UnlockOSThread() // setns failed: the thread has not moved
		return
	}
	finished := false
	defer func() {
		if !finished {
			v.panicked = panicOf(recover())
		}
		if err := leave(); err != nil {
			v.err = err
			return // still locked: the thread dies with this goroutine
		}
		runtime.UnlockOSThread()
	}()
	v.err = v.fn()
	finished = true
}

// panicOf gives Goexit, which recovers as nil, a value of its own: a test that
// calls FailNow inside Do would otherwise look like success.
func panicOf(r any) any {
	if r == nil {
		return "netns: runtime.Goexit inside Do"
	}
	return fmt.Sprintf("netns: panic inside Do: %v", r)
}

func (n *Namespace) enter() error {
	if own().file == nil {
		return &Error{Op: OpEnter, Namespace: n.inode, Err: fmt.Errorf("own namespace is not known, so there is no way back: %w", os.ErrNotExist)}
	}
	return n.set(OpEnter)
}

func leave() error { return own().set(OpLeave) }

// set moves the calling thread, which must be locked, into n.
func (n *Namespace) set(op Op) error {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return &Error{Op: op, Namespace: n.inode, Err: err}
	}
	var setErr error
	// Inside Control the descriptor cannot be closed, nor its number be reused
	// for another namespace. Control itself fails only once it is closed.
	if raw.Control(func(fd uintptr) { setErr = unix.Setns(int(fd), unix.CLONE_NEWNET) }) != nil {
		setErr = os.ErrClosed
	}
	if setErr != nil {
		return &Error{Op: op, Namespace: n.inode, Err: setErr}
	}
	return nil
}
