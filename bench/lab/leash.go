package lab

import (
	"io"
	"os"
	"syscall"
)

// leashFD is the descriptor on which init finds its end of the leash.
const leashFD = 3

// leash is the outer end of a pipe to init. Each byte is the number of a signal for
// the worker; the end of the pipe says that the outer process is gone. Signals are
// not sent with kill: one that arrives before init is ready would be lost.
type leash struct{ w io.Writer }

func (l leash) pass(s syscall.Signal) {
	_, _ = l.w.Write([]byte{byte(s)}) // it fails only when init has ended
}

// follow is init's end: it hands signals to kill until the pipe ends.
func follow(r *os.File, kill func(syscall.Signal), gone chan<- struct{}) {
	defer close(gone)
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		if n == 1 {
			kill(syscall.Signal(b[0]))
		}
		if err != nil {
			return
		}
	}
}
