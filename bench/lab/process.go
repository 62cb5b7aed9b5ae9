package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// program is what a child of the worker runs, and where.
type program struct {
	name  string // in events and errors; also names the log file
	argv  []string
	ns    *netns.Namespace // nil: the worker's own
	group *cgroup.Group    // nil: the worker's own; children of the first instant stay behind
	env   []string         // besides the worker's own
	stdin *os.File         // nil: /dev/null
	out   *os.File         // nil: the log
	// piped: its output goes through a pipe that the lab reads, as that of a container does.
	// Otherwise it is the log file itself, and nothing of the lab is between.
	piped bool
	// ownPIDs makes it PID 1 of a pid namespace, as a container's first process is: when
	// it dies, however it does, the kernel takes along all that it started.
	ownPIDs bool
	// box makes it a container with a root of its own; nil: it sees the lab's files.
	box *box
}

// process is a child of the worker. One goroutine waits for it; everybody else
// waits for ended.
type process struct {
	name  string
	pid   int
	log   string
	cmd   *exec.Cmd
	ended chan struct{} // closed after the fields below are set
	err   error         // nil: exit code 0
	drain *drain        // nil: nothing is between it and its log
	cpu   time.Duration // used in its whole life, with the children that it waited for
}

// start runs a program in its namespace. What the child shares with others (its
// log) is a file and not a pipe, so that Wait waits for the process and nothing else.
func (l *Lab) start(p program) (*process, error) {
	path := l.logFile(p.name)
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, at("log", p.name, err)
	}
	defer log.Close()
	said, drain, err := p.output(log, path)
	if err != nil {
		return nil, at("log", p.name, err)
	}
	defer said.Close()
	if p.box != nil {
		p.argv = l.argv(*p.box, p.argv)
	}
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = orFile(p.out, said), said
	if p.stdin != nil {
		cmd.Stdin = p.stdin
	}
	// A group of its own: signals for the worker's group are not for the children.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.ownPIDs {
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID
	}
	if p.box != nil {
		cmd.SysProcAttr.Cloneflags = boxFlags
	}
	if err := orOwn(p.ns).Do(cmd.Start); err != nil {
		said.Close()
		drain.close()
		return nil, at("start", p.name, err)
	}
	c := &process{name: p.name, pid: cmd.Process.Pid, log: path, cmd: cmd, drain: drain, ended: make(chan struct{})}
	go c.wait()
	if p.group != nil {
		if err := p.group.Add(c.pid); err != nil && !c.hasEnded() {
			c.kill()
			return nil, at("cgroup", p.name, err)
		}
	}
	return c, nil
}

// output is where a program writes: its log, or a pipe to that.
func (p program) output(log *os.File, path string) (*os.File, *drain, error) {
	if !p.piped {
		return log, nil, nil
	}
	d, w, err := newDrain(path)
	return w, d, err
}

// run starts a program and waits for its end, or for that of ctx, which ends it.
func (l *Lab) run(ctx context.Context, p program) (*process, error) {
	c, err := l.start(p)
	if err != nil {
		return nil, err
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.kill()
	}
	return c, nil
}

// logFile is where the output of a program goes.
func (l *Lab) logFile(name string) string {
	return filepath.Join(l.options.Dir, "log", strings.ReplaceAll(name, "/", "_")+".log")
}

func orOwn(ns *netns.Namespace) *netns.Namespace {
	if ns == nil {
		return netns.Own()
	}
	return ns
}

func (c *process) wait() {
	defer close(c.ended)
	c.err = c.cmd.Wait()
	c.drain.close() // its last words are in the log before anybody asks for them
	if s := c.cmd.ProcessState; s != nil {
		c.cpu = s.UserTime() + s.SystemTime()
	}
}

func (c *process) hasEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// stop asks the process to end, and insists after grace. It returns when the
// process, and everything else in its group, has been told.
func (c *process) stop(grace time.Duration) {
	_ = c.cmd.Process.Signal(unix.SIGTERM) // it can only have ended already
	select {
	case <-c.ended:
	case <-time.After(grace):
	}
	c.kill()
}

// kill ends the process with its group and waits for the process.
func (c *process) kill() {
	_ = unix.Kill(-c.pid, unix.SIGKILL)
	_ = c.cmd.Process.Kill()
	<-c.ended
}

// burstable is the oom_score_adj that a kubelet gives to containers that request little.
const burstable = "999"

// expend has the kernel choose this process before those of the lab when its pod is out
// of memory, as it would on a node: without the sampler there would be nothing to see.
// That it has ended already is no error.
func (c *process) expend() error {
	err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", c.pid), []byte(burstable), 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return at("oom_score_adj", c.name, err)
}

// killed says whether the process, which has ended, was ended by SIGKILL.
func (c *process) killed() bool {
	var exit *exec.ExitError
	if !errors.As(c.err, &exit) {
		return false
	}
	s, ok := exit.Sys().(syscall.WaitStatus)
	return ok && s.Signaled() && s.Signal() == syscall.SIGKILL
}

// failure is why the process ended, with the last words of its log.
func (c *process) failure() error {
	err := c.err
	if err == nil {
		err = errors.New("it ended by itself")
	}
	if words := lastWords(c.log); words != "" {
		return fmt.Errorf("%w; its last words: %s", err, words)
	}
	return err
}

// lastWords is the end of a log: a few lines, for an error.
func lastWords(path string) string {
	const most = 1 << 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-3):], []byte(" | ")))
}
