package netns_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

func here() string {
	inode, _ := os.Readlink("/proc/thread-self/ns/net")
	return inode
}

// Conformance 93: inside, and back.
func TestDoRunsInsideAndComesBack(t *testing.T) {
	n := newNamespace(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := here()
	want := errors.New("from inside")
	inside := ""
	err := n.Do(func() error { inside = here(); return want })
	if err != want {
		t.Errorf("Do returned %v, want the error of its function", err)
	}
	if inside != n.Inode() || before != netns.Own().Inode() || here() != before {
		t.Errorf("before %s, inside %s, after %s; namespace is %s", before, inside, here(), n.Inode())
	}
}

func TestDoInOwnStaysOnItsThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, inside := unix.Gettid(), 0
	if err := netns.Own().Do(func() error { inside = unix.Gettid(); return nil }); err != nil || inside != before {
		t.Errorf("thread %d became %d: %v", before, inside, err)
	}
}

func TestDoLeavesNoThreadBehind(t *testing.T) {
	spaces := []*netns.Namespace{newNamespace(t), newNamespace(t), newNamespace(t)}
	var wait sync.WaitGroup
	for i := range 64 {
		n := spaces[i%len(spaces)]
		wait.Go(func() {
			for range 50 {
				if err := n.Do(func() error {
					if here() != n.Inode() {
						return errors.New("in " + here() + " instead of " + n.Inode())
					}
					runtime.Gosched()
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	for _, n := range spaces {
		if left := threadsIn(t, n); len(left) > 0 {
			t.Errorf("threads %v are still in %s", left, n.Inode())
		}
	}
}

func threadsIn(t *testing.T, n *netns.Namespace) []string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	var in []string
	for _, task := range tasks {
		if inode, err := os.Readlink(task); err == nil && inode == n.Inode() {
			in = append(in, task)
		}
	}
	return in
}

// Conformance 93: also out of a panic.
func TestPanicAndGoexitComeOutOfDo(t *testing.T) {
	n := newNamespace(t)
	for want, fn := range map[string]func() error{
		"boom":   func() error { panic("boom") },
		"Goexit": func() error { runtime.Goexit(); return nil },
	} {
		func() {
			defer func() {
				if r, ok := recover().(string); !ok || !strings.Contains(r, want) {
					t.Errorf("recovered %q, want something with %q", r, want)
				}
			}()
			n.Do(fn)
		}()
	}
	if left := threadsIn(t, n); len(left) > 0 {
		t.Errorf("threads %v are still inside", left)
	}
}

func TestDoAfterCloseFails(t *testing.T) {
	n := newNamespace(t)
	n.Close()
	err := n.Do(func() error { t.Error("ran"); return nil })
	var typed *netns.Error
	if !errors.Is(err, os.ErrClosed) || !errors.As(err, &typed) || typed.Op != netns.OpEnter {
		t.Errorf("Do after Close: %v", err)
	}
}

// A thread gives up CAP_SYS_ADMIN inside a namespace, so the way back is barred.
func TestThreadThatCannotComeBackDies(t *testing.T) {
	n := newNamespace(t)
	thread := 0
	err := n.Do(func() error {
		thread = unix.Gettid()
		return dropCapabilitiesOfThread()
	})
	var typed *netns.Error
	if !errors.As(err, &typed) || typed.Op != netns.OpLeave || !errors.Is(err, unix.EPERM) {
		t.Fatalf("Do returned %v, want a failure to leave", err)
	}
	waitUntil(t, "the thread has gone", func() bool {
		return unix.Tgkill(os.Getpid(), thread, 0) == unix.ESRCH
	})
	if left := threadsIn(t, n); len(left) > 0 {
		t.Errorf("threads %v are still inside", left)
	}
}

func dropCapabilitiesOfThread() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return unix.Capset(&header, &make([]unix.CapUserData, 2)[0])
}

func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("waited 30 s until ", what)
		}
	}
}
