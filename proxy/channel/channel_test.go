package channel

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair makes both ends, closed at the end of the test.
func pair(t *testing.T) (a, b *Conn) {
	t.Helper()
	fa, fb, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	if a, err = New(fa); err != nil {
		t.Fatal(err)
	}
	if b, err = New(fb); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// openFDs counts this process's descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestNewRefusesOtherSockets(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	f := os.NewFile(uintptr(fds[0]), "stream")
	if c, err := New(f); err == nil {
		c.Close()
		t.Fatal("New took a stream socket")
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("New failed and left its file open (Close: %v)", err)
	}
}

func TestEndsAreCloseOnExec(t *testing.T) {
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	for _, f := range []*os.File{a, b} {
		if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor flags %#x, %v: want close-on-exec", flags, err)
		}
	}
}

func TestCloseEndsWaitingCalls(t *testing.T) {
	a, _ := pair(t)
	errs := make(chan error, 2)
	go func() { _, _, err := a.Recv(); errs <- err }()
	go func() {
		for {
			if err := a.Send(make([]byte, MaxPacket)); err != nil {
				errs <- err
				return
			}
		}
	}()
	waitUntilFull(t, a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v, want os.ErrClosed", err)
		}
	}
	if err := a.Send([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
	if _, err := a.PeerCred(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("PeerCred after Close: %v", err)
	}
	if err := a.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

// waitUntilFull waits until a's buffer takes no packet more.
func waitUntilFull(t *testing.T, c *Conn) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		writable := false
		c.raw.Control(func(fd uintptr) {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			n, err := unix.Poll(p, 0)
			writable = err != nil || n > 0
		})
		if !writable {
			return
		}
	}
	t.Fatal("the buffer does not fill")
}

func TestRecvDeadline(t *testing.T) {
	a, b := pair(t)
	if err := a.SetRecvDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	var timeout *TimeoutError
	if _, _, err := a.Recv(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("Recv after its deadline: %v, want a *TimeoutError", err)
	}
	if err := a.SetRecvDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Send([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if got, _, err := a.Recv(); err != nil || string(got) != "late" {
		t.Errorf("Recv without deadline: %q, %v", got, err)
	}
}

func TestPeerCred(t *testing.T) {
	a, _ := pair(t)
	cred, err := a.PeerCred()
	if err != nil {
		t.Fatal(err)
	}
	if int(cred.Pid) != os.Getpid() || int(cred.Uid) != os.Getuid() {
		t.Errorf("PeerCred %+v, want pid %d and uid %d", cred, os.Getpid(), os.Getuid())
	}
}

// A holder of a listener that sends it must leave its file description as it was:
// a blocking accept in another process could not be ended any more.
func TestSendLeavesFileNonBlocking(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, b := pair(t)
	if err := a.Send([]byte("listener"), f); err != nil {
		t.Fatal(err)
	}
	_, files, err := b.Recv()
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	defer files[0].Close()
	raw, err := files[0].SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("status flags %#x, %v: want O_NONBLOCK", flags, err)
		}
		if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor flags %#x, %v: want close-on-exec", flags, err)
		}
	})
}

func TestEnd(t *testing.T) {
	a, b := pair(t)
	if err := b.Send([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if got, _, err := a.Recv(); err != nil || string(got) != "last words" {
		t.Errorf("before the end: %q, %v", got, err)
	}
	for range 2 {
		if _, _, err := a.Recv(); err != io.EOF {
			t.Errorf("at the end: %v, want io.EOF", err)
		}
	}
	if err := a.Send([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("Send at the end: %v, want EPIPE", err)
	}
}

// A peer that leaves without reading makes the kernel report ECONNRESET first.
func TestEndWithUnreadPackets(t *testing.T) {
	a, b := pair(t)
	if err := a.Send([]byte("unread")); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if _, _, err := a.Recv(); err != io.EOF {
		t.Errorf("Recv: %v, want io.EOF", err)
	}
	if err := a.Send([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("Send: %v, want EPIPE", err)
	}
	a2, b2 := pair(t)
	if err := a2.Send([]byte("unread")); err != nil {
		t.Fatal(err)
	}
	b2.Close()
	if err := a2.Send([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("Send first: %v, want EPIPE", err)
	}
}

// While one process still holds the other end, the channel is open: that is what
// makes a cell outlive its keeper.
func TestOpenWhileAnyoneHoldsTheOtherEnd(t *testing.T) {
	fa, fb, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(fa)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	fd, err := duplicate(fb)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(fb)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if err := a.Send([]byte("waits")); err != nil {
		t.Fatalf("Send while another holds the end: %v", err)
	}
	heir, err := New(os.NewFile(uintptr(fd), "heir"))
	if err != nil {
		t.Fatal(err)
	}
	defer heir.Close()
	if got, _, err := heir.Recv(); err != nil || string(got) != "waits" {
		t.Errorf("the heir reads %q, %v", got, err)
	}
}

func TestStuckPeer(t *testing.T) {
	a, b := pair(t)
	a.SetSendTimeout(50 * time.Millisecond)
	const senders = 8
	var wg sync.WaitGroup
	var timeouts, sent [senders]int
	for i := range senders {
		wg.Go(func() {
			for timeouts[i] == 0 {
				err := a.Send(make([]byte, MaxPacket))
				var timeout *TimeoutError
				switch {
				case errors.As(err, &timeout):
					timeouts[i]++
				case err != nil:
					t.Errorf("Send: %v", err)
					return
				default:
					sent[i]++
				}
			}
		})
	}
	wg.Wait()
	want := 0
	for _, n := range sent {
		want += n
	}
	if want == 0 {
		t.Fatal("nothing was sent before the buffer was full")
	}
	// What was sent is there, what timed out is not, and the channel goes on.
	for range want {
		if got, _, err := b.Recv(); err != nil || len(got) != MaxPacket {
			t.Fatalf("Recv: %d bytes, %v", len(got), err)
		}
	}
	if err := a.Send([]byte("on")); err != nil {
		t.Fatal(err)
	}
	if got, _, err := b.Recv(); err != nil || string(got) != "on" {
		t.Errorf("after the timeouts: %q, %v", got, err)
	}
}
