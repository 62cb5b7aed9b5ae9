package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// closeTimeout is for the answers that are under way when a server ends.
const closeTimeout = time.Second

// Serve answers on a unix socket until ctx ends, and returns when the last answer is out
// or closeTimeout is over: who asked a keeper to end still hears that it does. The
// socket is the trust boundary: only its owner can open it. One that a dead process
// left is replaced.
func Serve(ctx context.Context, path string, h http.Handler) error {
	l, err := listen(path)
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if s.Shutdown(limit) != nil {
			s.Close()
		}
	})
	err = s.Serve(l)
	if !stop() {
		<-closed // Serve returns when Shutdown begins, not when it is done
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin socket: %w", err)
	}
	return nil
}

func listen(path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s is in use by another process: stop it, or set another path", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return reserved{l}, nil
}
