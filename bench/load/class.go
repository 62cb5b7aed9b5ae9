package load

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// classOf maps each error of the kernel that a path can produce to its class.
var classOf = map[syscall.Errno]string{
	unix.ECONNREFUSED: Refused,
	unix.ECONNRESET:   Reset,
	unix.ECONNABORTED: Reset,
	unix.EPIPE:        Reset,
	unix.ETIMEDOUT:    Timeout,
	unix.ENETUNREACH:  Unreachable,
	unix.EHOSTUNREACH: Unreachable,
	unix.ENETDOWN:     Unreachable,
	unix.EHOSTDOWN:    Unreachable,
	unix.EACCES:       Unreachable, // a prohibit route, a filter's answer
	unix.EPERM:        Unreachable,
}

// classify names the class of a failed dial, write or read.
func classify(err error) string {
	var frame *FrameError
	var errno syscall.Errno
	var timeout net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &frame):
		return Wrong
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return EOF
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.As(err, &errno):
		if class, ok := classOf[errno]; ok {
			return class
		}
	case errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	}
	return Local
}
