package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// A cell may be in a stranger's hands, so what it says is bounded: in speed by
// hearing, in kept answers by answering where it is asked, in the log by cut. None of
// it is work for the loop but signs of life and reports.
const (
	heardPerSecond = 4096               // packets; each KiB of one counts as another
	heardAtOnce    = 4 * heardPerSecond // a new snapshot has every destination asked for anew
	maxQuoted      = 256                // bytes of a cell's words in a line
	complainEvery  = time.Minute
)

// hearing is how fast a cell may talk, all its processes together. What comes faster
// waits in its own socket: nothing is lost, nothing is kept, and its neighbours are
// heard as before.
type hearing struct {
	limit    *rate.Limiter
	messages atomic.Uint64 // packets
	held     atomic.Uint64 // those that had to wait

	mu       sync.Mutex
	reported uint64    // of held, those in the log
	said     time.Time // last line
}

func newHearing() *hearing {
	return &hearing{limit: rate.NewLimiter(heardPerSecond, heardAtOnce)}
}

// wait returns when a packet of that size may be taken in.
func (h *hearing) wait(ctx context.Context, size int) error {
	h.messages.Add(1)
	r := h.limit.ReserveN(time.Now(), 1+size>>10)
	pause := r.Delay()
	if pause == 0 {
		return nil
	}
	h.held.Add(1)
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// complaint is how many packets had to wait since the last one, once a minute.
func (h *hearing) complaint(now time.Time) (uint64, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.held.Load() - h.reported
	if n == 0 || now.Sub(h.said) < complainEvery {
		return 0, false
	}
	h.reported, h.said = h.reported+n, now
	return n, true
}

// An offence is what no cell of this build does. It ends the process: it is broken or
// hostile, and neither gets better.
type offence struct{ what string }

func (e *offence) Error() string { return e.what }

// read serves one process until its channel ends.
func (k *Keeper) read(x *process, o *outbox) {
	defer close(o.done)
	defer o.conn.Close()
	stop := context.AfterFunc(k.life, func() { o.conn.Close() })
	defer stop()
	for {
		if err := k.takeIn(x, o); err != nil {
			k.hangUp(x, o, err)
			return
		}
	}
}

// takeIn hears one packet.
func (k *Keeper) takeIn(x *process, o *outbox) error {
	b, files, err := o.conn.Recv()
	closeAll(files) // a cell has nothing to hand over
	if err == nil {
		err = x.cell.heard.wait(k.life, len(b))
	}
	if err != nil {
		return err
	}
	if n, due := x.cell.heard.complaint(time.Now()); due {
		k.log.Warn("cell says too much, its messages wait", "cell", x.cell.group, "pid", x.pid, "waited", n)
	}
	m, err := cell.Decode(b)
	if err != nil {
		return err
	}
	return k.receive(x, o, m)
}

func (k *Keeper) receive(x *process, o *outbox, m *cell.Message) error {
	switch {
	case m.Hello != nil:
		if m.Hello.Version != cell.ProtocolVersion {
			return &offence{fmt.Sprintf("it speaks version %d, this keeper %d", m.Hello.Version, cell.ProtocolVersion)}
		}
	case m.Resolve != nil:
		return o.answer(k.resolve(x, m.Resolve))
	case m.Sign != nil:
		return k.sign(x, o, m.Sign)
	case m.Pong != nil:
		k.said(x, o, func() { k.pong(x, m.Pong) })
	case m.Seen != nil:
		k.looks.seen(x, m.Seen)
	case m.Done != nil:
		k.said(x, o, func() { k.doneServing(x, m.Done) })
	default:
		return &offence{"it says what only a keeper says"}
	}
	return nil
}

// said is ifCurrent for what a process has said. Until it is the loop's turn nobody may take
// the process for dead: a pong behind a loop that is busy has not been missed.
func (k *Keeper) said(x *process, o *outbox, f func()) {
	x.waiting.Store(true)
	defer x.waiting.Store(false)
	k.ifCurrent(x, o, f)
}

// hangUp ends the conversation for a reason. Where that is not the end of the process,
// the process is ended: nobody would hear it any more.
func (k *Keeper) hangUp(x *process, o *outbox, why error) {
	if errors.Is(why, io.EOF) || errors.Is(why, unix.EPIPE) || errors.Is(why, os.ErrClosed) || k.life.Err() != nil {
		return
	}
	k.ifCurrent(x, o, func() { k.kill(x, unix.SIGKILL, cut(why.Error())) })
}

// cut shortens words of a cell for the log.
func cut(words string) string {
	if len(words) <= maxQuoted {
		return words
	}
	return fmt.Sprintf("%s… (%d bytes)", words[:maxQuoted], len(words))
}
