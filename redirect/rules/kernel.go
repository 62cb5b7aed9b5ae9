package rules

import (
	"errors"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A kernel is the netlink side of one namespace: sockets that were born in it
// and work from any thread. Whoever opens it closes it.
type kernel struct {
	ns  *netns.Namespace
	nft *nftables.Conn
	ip  *netlink.Handle
}

// openKernel opens the sockets inside the namespace. The libraries' own ways
// there (WithNetNSFd, NewHandleAt) switch threads by themselves, and one of them
// lets a thread live on that could not be switched back.
func openKernel(n *netns.Namespace) (*kernel, error) {
	k := &kernel{ns: n}
	err := n.Do(func() (err error) {
		if k.nft, err = nftables.New(nftables.AsLasting()); err != nil {
			return err
		}
		k.ip, err = netlink.NewHandle(unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER, unix.NETLINK_INET_DIAG)
		return err
	})
	if err != nil {
		k.close()
		return nil, k.fail(StepOpen, "", err)
	}
	return k, nil
}

func (k *kernel) close() {
	if k.nft != nil {
		k.nft.CloseLasting()
	}
	if k.ip != nil {
		k.ip.Close()
	}
}

// fail wraps err, unless it is nil.
func (k *kernel) fail(step Step, subject string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Step: step, Namespace: k.ns.Inode(), Subject: subject, Err: err}
}

// dumpAttempts bounds how often a list is read again because it changed while
// the kernel was writing it.
const dumpAttempts = 10

// settled reads a list until it was read in one piece.
func settled[T any](read func() ([]T, error)) (list []T, err error) {
	for range dumpAttempts {
		list, err = read()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return list, err
}
