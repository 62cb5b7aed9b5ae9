package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// First arguments with which Enter runs this executable again: main hands what
// follows the first to Init, and the second runs the lab.
const (
	InitCommand   = "lab-init"
	WorkerCommand = "lab-worker"
)

// Flags that stand directly behind WorkerCommand.
const (
	DirFlag    = "dir"    // Options.Dir
	CgroupFlag = "cgroup" // Options.Cgroup
	BaseFlag   = "base"   // where the lab's socket goes
)

// Entry is what runs inside a new lab.
type Entry struct {
	Args           []string // of the worker, after WorkerCommand and its flags
	Base           string   // from Base
	Stdout, Stderr *os.File // nil: this process's own
	// Exclusive refuses to run beside another exclusive lab of the same user: the
	// one that lab exec, status and down speak to.
	Exclusive bool
}

// Enter runs the worker inside new namespaces and waits for it. Whatever was left
// by labs that were killed is removed before, and what this one leaves after.
//
// The first SIGINT, SIGTERM or SIGHUP of this process, or the end of ctx, goes to
// the worker; a second signal kills the lab. The terminal's own signals reach this
// process only, since init has a session of its own: otherwise Ctrl-C would end
// applications and data plane before the worker could undo what it did.
//
// The error is an *ExitError with the worker's code when that is not 0.
func Enter(ctx context.Context, e Entry) error {
	if _, err := RemoveLeftovers(e.Base); err != nil {
		// It is in nobody's way; lab down says it again, as an error.
		fmt.Fprintln(orFile(e.Stderr, os.Stderr), "bulkhead: not all that an earlier lab left could be removed:", err)
	}
	claim, err := e.claim()
	if err != nil {
		return err
	}
	return errors.Join(claim.run(ctx, e), claim.release())
}

// claim is what the outer process holds on to for its lab.
type claim struct {
	name string   // of directory and cgroup
	dir  string   //
	lock *os.File // nil when the lab is not exclusive
}

func (e Entry) claim() (*claim, error) {
	own, err := ownName()
	if err != nil {
		return nil, at("reading /proc", "", err)
	}
	c := &claim{name: own.String(), dir: filepath.Join(e.Base, own.String())}
	if e.Exclusive {
		if c.lock, err = lock(e.Base); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		return nil, errors.Join(at("run directory", "", err), c.unlock())
	}
	return c, nil
}

// release removes what the kernel does not: it runs when all processes are gone.
func (c *claim) release() error {
	mine := func(name string) bool { return name != c.name && alive(name) }
	return errors.Join(removeCgroups(mine), os.RemoveAll(c.dir), c.unlock())
}

func (c *claim) unlock() error {
	if c.lock == nil {
		return nil
	}
	return c.lock.Close() // the lock goes with the descriptor
}

// lock makes sure that one exclusive lab runs at a time. A lock of the kernel goes
// with its process, so that there is no stale one after SIGKILL.
func lock(base string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(base, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, at("lock", "", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &Misuse{"a lab is already running: use it (bulkhead lab status), or end it with: bulkhead lab down"}
		}
		return nil, at("lock", "", err)
	}
	if _, err := f.WriteAt(fmt.Appendf(nil, "%-20d", os.Getpid()), 0); err != nil {
		f.Close()
		return nil, at("lock", "", err)
	}
	return f, nil
}

// run starts init and leads it on the leash until it ends.
func (c *claim) run(ctx context.Context, e Entry) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
	if !signal.Ignored(unix.SIGHUP) { // nohup means it
		signal.Notify(signals, unix.SIGHUP)
	}
	defer signal.Stop(signals)
	read, write, err := os.Pipe()
	if err != nil {
		return at("leash", "", err)
	}
	defer write.Close()
	cmd, err := c.start(e, read)
	read.Close()
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go waitInit(cmd, ended)
	return lead(ctx, leash{write}, cmd.Process, signals, ended)
}

func waitInit(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }

// start tries the ways into a lab, best first.
func (c *claim) start(e Entry, leash *os.File) (*exec.Cmd, error) {
	var err error
	for _, w := range ways() {
		cmd := c.command(e, leash)
		cmd.SysProcAttr = w
		if err = cmd.Start(); err == nil {
			return cmd, nil
		}
	}
	return nil, &Misuse{fmt.Sprintf("this machine gives no user namespace (%v): run as root, or let an administrator allow them (sysctl user.max_user_namespaces; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0; in a container, its privileges)", err)}
}

func (c *claim) command(e Entry, leash *os.File) *exec.Cmd {
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: append([]string{os.Args[0], InitCommand,
		"--" + DirFlag, c.dir, "--" + CgroupFlag, c.name, "--" + BaseFlag, e.Base}, e.Args...)}
	cmd.Stdout, cmd.Stderr = orFile(e.Stdout, os.Stdout), orFile(e.Stderr, os.Stderr)
	cmd.ExtraFiles = []*os.File{leash} // leashFD
	return cmd
}

// orFile never returns a nil *os.File inside an interface.
func orFile(f, otherwise *os.File) *os.File {
	if f == nil {
		return otherwise
	}
	return f
}

// lead passes signals on until init has ended.
func lead(ctx context.Context, l leash, init *os.Process, signals <-chan os.Signal, ended <-chan error) error {
	done, told, count := ctx.Done(), false, 0
	tell := func(s os.Signal) {
		switch {
		case told:
		case s == unix.SIGINT:
			l.pass(unix.SIGINT)
		default: // a terminal that closes is a reason to end like any other
			l.pass(unix.SIGTERM)
		}
		done, told = nil, true
	}
	for {
		select {
		case err := <-ended:
			return exitOf(err, told)
		case <-done:
			tell(unix.SIGINT)
		case s := <-signals:
			// One Ctrl-C may arrive twice, here and as the end of ctx: only signals count.
			if count++; count == 1 {
				tell(s)
			} else {
				_ = init.Kill() // it can only have ended already
			}
		}
	}
}

// exitInterrupted is what shells report for Ctrl-C: 128 + SIGINT.
const exitInterrupted = 128 + int(unix.SIGINT)

func exitOf(err error, told bool) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return at("init", "", err)
	}
	if exit.Exited() {
		return &ExitError{Code: exit.ExitCode()}
	}
	if told {
		return &ExitError{Code: exitInterrupted}
	}
	return at("init", "", fmt.Errorf("the lab's first process ended: %w", err))
}
