package keeper

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// knockTimeout is for a connection to a listener of the pod, by the pod's own lo.
const knockTimeout = time.Second

// check says what is wrong with a listener. What cannot be found out is not wrong.
func (k *Keeper) check(p *pod, name string, port uint16, knock bool) error {
	f, err := k.holder.Fetch(listenerName(name, p.UID))
	if err != nil {
		return nil // the pod is being removed, or the anchor is gone
	}
	defer f.Close()
	if err := sound(f, port); err != nil || !knock {
		return err
	}
	ctx, cancel := context.WithTimeout(k.life, knockTimeout)
	defer cancel()
	c, err := p.netns.Dial(ctx, netns.DialOptions{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), Source: redirect.Knock, Mark: redirect.MarkProxy})
	switch {
	case err == nil:
		return c.Close()
	case errors.Is(err, unix.ECONNREFUSED):
		return errors.New("it listens and refuses connections")
	}
	return nil // a full backlog answers nobody, and is no damage
}

var errNotListening = errors.New("it does not listen any more")

// sound asks the socket itself: whether it listens, where, and whether a filter hides
// connections from it. A filter is taken off by the very question.
func sound(f *os.File, port uint16) (err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	controlled := raw.Control(func(fd uintptr) { err = soundFD(int(fd), port) })
	if controlled != nil {
		return nil
	}
	return err
}

func soundFD(fd int, port uint16) error {
	if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && on == 0 {
		return errNotListening
	}
	if at, err := unix.Getsockname(fd); err == nil && portOf(at) != port {
		return fmt.Errorf("it listens on port %d", portOf(at))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("a filter hides connections from it (%v)", err)
	}
	return nil
}

func portOf(a unix.Sockaddr) uint16 {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port)
	case *unix.SockaddrInet6:
		return uint16(a.Port)
	}
	return 0
}

// mend makes a listener anew and has the pod's cell replaced: its process holds the old
// one, and may be who damaged it.
func (k *Keeper) mend(p *pod, name string, port uint16, why error) {
	if k.pods[p.UID] != p || !p.listeners[name] {
		return
	}
	if errors.Is(why, errNotListening) && k.check(p, name, port, false) == nil {
		return // it was made anew while somebody looked: turnAway
	}
	err := k.relisten(p, name, port)
	k.log.Error("listener was damaged and is made anew", "workload", p.UID, "listener", name, "port", port, "damage", why, "error", err)
	if err != nil {
		return // the next look tries again
	}
	k.listeners.mended++
	if c := p.cell; c.current != nil && !c.again {
		k.replace(c)
	}
}

// relisten ends the old socket for all its holders, whatever is left of it, so that
// its port is free, and gives the anchor another.
func (k *Keeper) relisten(p *pod, name string, port uint16) error {
	old, err := k.holder.Fetch(listenerName(name, p.UID))
	if err != nil {
		return err
	}
	defer old.Close()
	raw, err := old.SyscallConn()
	if err != nil {
		return err
	}
	// ENOTCONN: it has ended already.
	if err := raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) }); err != nil {
		return err
	}
	f, err := listen(p.netns, port)
	if err != nil {
		return err
	}
	defer f.Close()
	return k.holder.Hold(listenerName(name, p.UID), nil, f)
}
