package anchor

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reapTimeout is for processes that SIGKILL does not end at once: they sleep in the
// kernel, and waiting longer helps nobody.
const reapTimeout = 10 * time.Second

// anchor is the state of Run. Its loop owns all of it; the goroutines that receive
// and time something send it a message.
type anchor struct {
	o         Options
	null      *os.File
	held      map[string]held
	processes map[string]*process
	pids      map[int]*process // running ones
	inbox     chan delivery
	done      chan struct{}  // closed when the loop has ended
	receivers sync.WaitGroup // each Add is one receive goroutine, one per keeper

	keeper  *keeper       // nil: between two keepers
	adopted bool          // some keeper has read the inventory
	spacing time.Duration // of the last two starts, at least
	restart *time.Timer   // starts the next keeper

	stopping bool
	killed   bool        // SIGKILL went to everything
	lost     bool        // and something survived it
	deadline *time.Timer // of the stage of stopping
	err      error
}

type held struct {
	label []byte
	fd    int
}

// Run is the anchor's whole life: it starts the keeper and does what it asks, until
// ctx is done or the keeper asks to quit. Then the keeper gets SIGTERM and the grace
// period to end its cells; what is left gets SIGKILL.
//
// Run returns nil after that, an error when the keeper could not be started or ends
// with ExitMisuse before it has worked once, or when something survived SIGKILL.
func Run(ctx context.Context, o Options) error {
	a := &anchor{
		o: o.withDefaults(), held: map[string]held{}, processes: map[string]*process{}, pids: map[int]*process{},
		inbox: make(chan delivery), done: make(chan struct{}),
		restart: stoppedTimer(), deadline: stoppedTimer(),
	}
	if len(o.KeeperArgv) == 0 {
		return fmt.Errorf("anchor: no keeper to start")
	}
	if err := closeOnExec(); err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	defer null.Close()
	a.null = null
	signal.Ignore(unix.SIGPIPE)
	children := make(chan os.Signal, 1) // one pending notice stands for any number
	signal.Notify(children, unix.SIGCHLD)
	defer signal.Stop(children)
	defer a.release()
	if err := a.startKeeper(); err != nil {
		return err
	}
	return a.loop(ctx, children)
}

func (a *anchor) loop(ctx context.Context, children <-chan os.Signal) error {
	stop := ctx.Done()
	for !a.ended() {
		select {
		case <-children:
			a.reap()
		case d := <-a.inbox:
			a.receiveFrom(d)
		case <-a.restart.C:
			if err := a.startKeeper(); err != nil {
				a.o.Logger.Error("keeper not started", "error", err)
				a.restart.Reset(a.absence(0))
			}
		case <-stop:
			stop = nil
			a.stop()
		case <-a.deadline.C:
			a.expire()
		}
	}
	return a.err
}

// ended is true when there is nothing left to wait for.
func (a *anchor) ended() bool {
	return a.lost || a.stopping && a.keeper == nil && len(a.pids) == 0
}

// stop begins the end. Without a keeper to drain the cells they are asked directly.
func (a *anchor) stop() {
	if a.stopping {
		return
	}
	a.stopping = true
	a.restart.Stop()
	a.deadline.Reset(a.o.Grace)
	if a.keeper != nil {
		a.keeper.signal(unix.SIGTERM)
		return
	}
	for _, p := range a.pids {
		p.signal(unix.SIGTERM)
	}
}

// expire is the end of a deadline: of the keeper's socket, of the grace period, or of
// the wait after SIGKILL.
func (a *anchor) expire() {
	switch {
	case !a.stopping:
		if a.keeper != nil {
			a.keeper.signal(unix.SIGKILL)
		}
	case !a.killed:
		a.o.Logger.Warn("grace period is over", "processes", len(a.pids), "keeper", a.keeper != nil)
		a.killAll()
	default:
		a.lost = true
		a.err = fmt.Errorf("anchor: %d processes survive SIGKILL for %s", len(a.pids), reapTimeout)
	}
}

// killAll is the last stage.
func (a *anchor) killAll() {
	a.killed = true
	a.deadline.Reset(reapTimeout)
	if a.keeper != nil {
		a.keeper.signal(unix.SIGKILL)
	}
	for _, p := range a.pids {
		p.signal(unix.SIGKILL)
	}
}

// release closes what Run opened and waits for its goroutines.
func (a *anchor) release() {
	a.restart.Stop()
	a.deadline.Stop()
	close(a.done)
	if a.keeper != nil {
		a.keeper.conn.Close()
	}
	a.receivers.Wait()
	for _, h := range a.held {
		unix.Close(h.fd)
	}
}

// closeOnExec marks whatever this process inherited, so that children get what they
// are given and nothing that a shell or a service manager left open.
func closeOnExec() error {
	err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	entries, readErr := os.ReadDir("/proc/self/fd") // before Linux 5.11
	if readErr != nil {
		return fmt.Errorf("anchor: close_range: %w; %w", err, readErr)
	}
	for _, e := range entries {
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
