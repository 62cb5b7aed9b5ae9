package vitals

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// FuzzDecode: whatever comes is sockets or an error; never a panic, never without end.
func FuzzDecode(f *testing.F) {
	done := make([]byte, unix.SizeofNlMsghdr)
	binary.NativeEndian.PutUint32(done, uint32(len(done)))
	binary.NativeEndian.PutUint16(done[4:], unix.NLMSG_DONE)
	f.Add(done)
	f.Add(request(unix.AF_INET))
	f.Add([]byte{})
	if b := datagramOf(f); b != nil {
		f.Add(b)
		f.Add(b[:len(b)-3])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		all, _, err := Decode(b)
		if err != nil && all != nil {
			t.Errorf("%d sockets and %v", len(all), err)
		}
		if len(all)*diagMessage > len(b) {
			t.Errorf("%d sockets out of %d bytes", len(all), len(b))
		}
	})
}

// datagramOf is a real one, of this machine.
func datagramOf(f *testing.F) []byte {
	b := make([]byte, datagram)
	err := netns.Own().Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Sendto(fd, request(unix.AF_INET), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		n, _, err := unix.Recvfrom(fd, b, 0)
		b = b[:max(n, 0)]
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return b
}
