package anchor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// The test binary plays every process:
//
//	test ──exec──▶ anchor ──fork──▶ keeper (does what the test says, over a socket)
//	                      └─fork──▶ cell (answers on its channel, ends with it)
const (
	roleVar    = "BULKHEAD_ANCHOR_TEST_ROLE"
	optionsVar = "BULKHEAD_ANCHOR_TEST_OPTIONS" // of the anchor, as JSON
	socketVar  = "BULKHEAD_ANCHOR_TEST_SOCKET"  // where keepers find the test
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		os.Exit(sandbox.Main(m))
	}
	os.Exit(play(role))
}

func play(role string) int {
	var err error
	switch role {
	case "anchor":
		err = playAnchor()
	case "keeper":
		err = playKeeper()
	case "cell":
		err = playCell()
	case "stubborn cell":
		signal.Ignore(unix.SIGTERM)
		err = playCell()
	case "misuse":
		return ExitMisuse
	}
	var refused *KeeperError
	if errors.As(err, &refused) {
		return ExitMisuse
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
		return 1
	}
	return 0
}

// environment replaces the role. Where a variable is there twice the first one counts,
// and an anchor whose keepers are anchors never ends.
func environment(role string) []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, roleVar+"=") })
	return append(env, roleVar+"="+role, "GORACE=atexit_sleep_ms=0")
}

func playAnchor() error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	o := Options{KeeperArgv: []string{"/proc/self/exe"}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	o.KeeperEnv = environment("keeper")
	if err := json.Unmarshal([]byte(os.Getenv(optionsVar)), &o); err != nil {
		return err
	}
	return Run(ctx, o)
}

// playCell answers every packet with the descriptors that it was started with, its
// session and its standard input, until the channel ends.
func playCell() error {
	files := inherited()
	conn, err := channel.New(os.NewFile(3, "channel"))
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		if _, _, err := conn.Recv(); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		session, err := unix.Getsid(0)
		if err != nil {
			return err
		}
		stdin, err := os.Readlink("/proc/self/fd/0")
		if err != nil {
			return err
		}
		b, err := json.Marshal(sight{Files: files, Session: session, Stdin: stdin, Env: os.Getenv("MARK")})
		if err != nil {
			return err
		}
		if err := conn.Send(b); err != nil {
			return err
		}
	}
}

// sight is what a cell finds.
type sight struct {
	Files   []int
	Session int
	Stdin   string
	Env     string
}

// inherited are the descriptors that this process was started with: what Go opens
// itself is close-on-exec.
func inherited() []int {
	var fds []int
	for fd := range 200 {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// anchorProcess is a running anchor, and the test's end of its keepers.
type anchorProcess struct {
	*exec.Cmd
	keepers *keeperDoor
	ended   chan error
}
