package netns

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// waitConnected waits until the handshake that connect started on f has ended
// one way or the other. The runtime poller does the waiting: no thread is held.
func waitConnected(ctx context.Context, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var ended bool
	var result error
	look := func(fd uintptr) bool {
		ended, result = handshakeEnded(int(fd))
		return ended
	}
	// To an application in the pod it is over before connect returns.
	if err := raw.Control(func(fd uintptr) { look(fd) }); err != nil || ended {
		return errors.Join(err, result)
	}
	// The poller knows deadlines only; an end of ctx becomes one in the past.
	stop := context.AfterFunc(ctx, func() { f.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Write(look)
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if err != nil {
		return err
	}
	return result
}

// handshakeEnded asks the socket itself: the poller's wake-ups may be spurious.
// SO_ERROR alone is no answer, since it is zero both before and after success;
// a peer's name exists only after it.
func handshakeEnded(fd int) (bool, error) {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return true, err
	}
	switch errno := unix.Errno(code); errno {
	case 0, unix.EISCONN:
		_, err := unix.Getpeername(fd)
		return err == nil, nil
	case unix.EINPROGRESS, unix.EALREADY, unix.EINTR:
		return false, nil
	default:
		return true, errno
	}
}
