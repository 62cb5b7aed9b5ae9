package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// killTimeout bounds Kill. SIGKILL takes effect in milliseconds, unless a process
// sleeps in the kernel; no amount of waiting helps against that.
const killTimeout = 10 * time.Second

// pollInterval is how often Kill and Remove look again: a cgroup says that it is
// empty by a file that version 1 lacks.
const pollInterval = 5 * time.Millisecond

// Processes are the processes inside, also in groups below, by the pids that they
// have in this pid namespace. Those that have none here are not listed.
func (g *Group) Processes() ([]int, error) {
	seen := map[int]bool{}
	for _, p := range g.places {
		err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !d.IsDir() {
				return err
			}
			for _, pid := range readPIDs(path) {
				seen[pid] = true
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("cgroup: %w", err)
		}
	}
	pids := make([]int, 0, len(seen))
	for pid := range seen {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids, nil
}

// readPIDs leaves out 0, which stands for a process of another pid namespace: a kill
// of 0 would hit the caller's own process group.
func readPIDs(dir string) []int {
	var pids []int
	for _, word := range readWords(filepath.Join(dir, "cgroup.procs")) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Kill kills all processes inside, also in groups below, and waits until they have
// left. It refuses a group that the caller is in.
func (g *Group) Kill() error {
	for deadline := time.Now().Add(killTimeout); ; time.Sleep(pollInterval) {
		pids, err := g.Processes()
		if err != nil {
			return err
		}
		if slices.Contains(pids, os.Getpid()) {
			return errors.New("cgroup: kill: this process is inside")
		}
		if len(pids) == 0 && g.killWhole() {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cgroup: kill: processes %v survive SIGKILL for %s", pids, killTimeout)
		}
		if err := g.killEach(pids); err != nil {
			return err
		}
	}
}

// killWhole is cgroup.kill of version 2 (Linux 5.14), which reaches processes of
// other pid namespaces, and forks that race with the list. It says whether the group
// is empty.
func (g *Group) killWhole() bool {
	if g.version == 1 {
		return true
	}
	for _, p := range g.places {
		_ = write(filepath.Join(p.dir, "cgroup.kill"), "1")
		n, err := populated(p.dir)
		if err == nil && n != 0 {
			return false
		}
	}
	return true
}

func populated(dir string) (int64, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
	if err != nil {
		return 0, err
	}
	return parseCounter(string(b), "populated")
}

// killEach signals by pidfd, and only those that are still inside after their pidfd
// was opened: a pid that was reused in between belongs to somebody else.
func (g *Group) killEach(pids []int) error {
	fds := map[int]int{}
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for _, pid := range pids {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			fds[pid] = fd
		}
	}
	inside, err := g.Processes()
	if err != nil {
		return err
	}
	for _, pid := range inside {
		fd, ok := fds[pid]
		if !ok {
			continue
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && err != unix.ESRCH {
			return fmt.Errorf("cgroup: kill %d: %w", pid, err)
		}
	}
	return nil
}
