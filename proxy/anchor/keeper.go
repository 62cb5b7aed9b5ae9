package anchor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// ExitMisuse is the exit status of a keeper that must not be started again, because
// its configuration is wrong. (Not 2: a Go program that panics exits with that.)
const ExitMisuse = 78

// sendTimeout bounds how long a keeper that does not read may hold up the anchor.
const sendTimeout = 5 * time.Second

// closingTime is for a keeper that has closed its socket to exit by itself.
const closingTime = 5 * time.Second

// KeeperError ends Run: the keeper exited with ExitMisuse before it ever worked. Its
// own message is on Stderr.
type KeeperError struct{ Status unix.WaitStatus }

func (e *KeeperError) Error() string {
	return fmt.Sprintf("anchor: the keeper refused to start (exit status %d)", e.Status.ExitStatus())
}

// keeper is one life of the keeper.
type keeper struct {
	process
	conn    *channel.Conn
	started time.Time
	adopted bool // it has asked for the inventory, and is told of exits since
}

// delivery is what a receive goroutine passes to the loop. The loop owns fds then.
type delivery struct {
	from   *keeper
	packet packet
	fds    []int
	err    error
}

func (a *anchor) startKeeper() error {
	ours, theirs, err := channel.Pair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	conn, err := channel.New(ours)
	if err != nil {
		return err
	}
	conn.SetSendTimeout(sendTimeout)
	pid, err := a.forkWith(theirs, a.o.KeeperArgv, a.o.KeeperEnv)
	if err != nil {
		conn.Close()
		return fmt.Errorf("anchor: keeper: %w", err)
	}
	k := &keeper{process: process{name: "keeper", pid: pid}, conn: conn, started: time.Now()}
	a.keeper = k
	a.receivers.Go(func() { a.receive(k) })
	a.o.Logger.Info("keeper started", "pid", pid)
	return nil
}

// receive passes one keeper's packets to the loop, until its socket ends.
func (a *anchor) receive(k *keeper) {
	for {
		d := delivery{from: k}
		var b []byte
		b, d.fds, d.err = k.conn.RecvFDs()
		if d.err == nil {
			d.packet, d.err = decode(b)
		}
		if d.err == nil {
			d.err = d.packet.checkRequest(len(d.fds))
		}
		select {
		case a.inbox <- d:
		case <-a.done:
			channel.CloseFDs(d.fds)
			return
		}
		if d.err != nil {
			return
		}
	}
}

// receiveFrom handles one delivery; those of an earlier keeper are void.
func (a *anchor) receiveFrom(d delivery) {
	if d.from != a.keeper {
		channel.CloseFDs(d.fds)
		return
	}
	if d.err == nil {
		a.handle(d.packet, d.fds)
		return
	}
	channel.CloseFDs(d.fds)
	a.endKeeper(d.err)
}

// endKeeper is for a keeper that broke the conversation. One that merely closed it is
// probably about to exit with a status worth seeing.
func (a *anchor) endKeeper(why error) {
	if errors.Is(why, os.ErrClosed) {
		return // ended already
	}
	a.keeper.conn.Close()
	if errors.Is(why, io.EOF) {
		if !a.stopping {
			a.deadline.Reset(closingTime)
		}
		return
	}
	a.o.Logger.Error("keeper killed", "pid", a.keeper.pid, "error", why)
	a.keeper.signal(unix.SIGKILL)
}

// report sends to the keeper. One that does not read is as good as dead.
func (a *anchor) report(p packet, fds ...int) {
	b, err := p.encode()
	if err == nil {
		err = a.keeper.conn.SendFDs(b, fds...)
	}
	if err != nil && !errors.Is(err, unix.EPIPE) { // EPIPE: receive will see the end
		a.endKeeper(err)
	}
}

func (a *anchor) keeperExited(status unix.WaitStatus) {
	k := a.keeper
	a.keeper = nil
	k.conn.Close()
	a.o.Logger.Warn("keeper ended", "pid", k.pid, "status", describe(status), "after", time.Since(k.started).Round(time.Millisecond))
	switch {
	case a.stopping:
		a.killAll() // it has ended those that it could
	case status.Exited() && status.ExitStatus() == ExitMisuse && !a.adopted:
		a.err, a.stopping = &KeeperError{Status: status}, true
		a.killAll()
	default:
		a.deadline.Stop()
		lived := time.Since(k.started)
		// Exit 0 is a keeper that made room for its successor.
		if lived >= a.o.RestartReset || status.Exited() && status.ExitStatus() == 0 {
			a.spacing = 0
		}
		a.restart.Reset(a.absence(lived))
	}
}

// absence is how long there is no keeper after one that lived that long. Starts are
// spaced, not ends followed by a delay: a keeper that had its time to work is followed
// at once, however often that happens, and one that dies at once cannot burn a core.
func (a *anchor) absence(lived time.Duration) time.Duration {
	a.spacing = min(max(2*a.spacing, a.o.RestartMin), a.o.RestartMax)
	return max(0, a.spacing-lived)
}

func describe(s unix.WaitStatus) string {
	if s.Signaled() {
		return s.Signal().String()
	}
	return fmt.Sprintf("exit %d", s.ExitStatus())
}
