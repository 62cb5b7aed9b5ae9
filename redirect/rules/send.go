package rules

import (
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// send has the kernel do what a batch says. Its socket is its own: after a failure the kernel
// has more answers than one, which the next reader of a shared one would take for his.
func (k *kernel) send(b batch) (err error) {
	if b.err != nil {
		return b.err
	}
	var c *netlink.Conn
	err = k.ns.Do(func() (err error) {
		c, err = netlink.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	})
	if c != nil {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	if err != nil {
		return err
	}
	if _, err := c.SendMessages(b.framed()); err != nil {
		return err
	}
	_, err = c.Receive()
	return err
}

// framed is the batch between its marks. The last message asks for an answer: what comes
// first is that, or why one before it failed.
func (b batch) framed() []netlink.Message {
	subsystem := header(unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	all := append([]netlink.Message{message(unix.NFNL_MSG_BATCH_BEGIN, 0, subsystem, nil)}, b.messages...)
	all[len(all)-1].Header.Flags |= netlink.Acknowledge
	return append(all, message(unix.NFNL_MSG_BATCH_END, 0, subsystem, nil))
}
