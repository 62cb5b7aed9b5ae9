package admin

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Who asks a process that is out of descriptors is answered, again and again.
//
// It is a process of its own: its limit is what is tried.
func TestAnsweredWithoutDescriptors(t *testing.T) {
	if os.Getenv("OUT_OF_DESCRIPTORS") == "" {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAnsweredWithoutDescriptors$")
		c.Env = append(os.Environ(), "OUT_OF_DESCRIPTORS=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 512, Max: 512}); err != nil {
		t.Fatal(err)
	}
	if err := Reserve(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) })}
	go s.Serve(l) // until the process ends
	client := make([]int, 8)
	for i := range client { // the questioner's own, made before there are none left
		if client[i], err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
	}
	for {
		fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			break
		}
		t.Cleanup(func() { unix.Close(fd) }) // the directory goes after them
	}
	if _, err := os.Open("/dev/null"); err == nil {
		t.Fatal("there are descriptors left")
	}
	for i, fd := range client {
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(fd, []byte("GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 512)
		if n, err := unix.Read(fd, b); err != nil || n == 0 {
			t.Fatalf("question %d: %d bytes, %v", i, n, err)
		}
		if _, err := os.Open("/dev/null"); err == nil {
			t.Fatal("others have the reserve")
		}
	}
}
