package keeper

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// outboxDepth bounds what a cell that does not read can make the keeper keep.
const outboxDepth = 1024

// outbox is the keeper's end of one channel: a writer that nobody waits for. What a
// cell asked for does not pass it: the reader answers, see receive.
type outbox struct {
	conn    *channel.Conn
	packets chan packet
	done    chan struct{} // closed when the reader has ended
	full    bool          // owned by the loop
	signing chan struct{} // one slot per CSR under way
	pushed  *pushes       // the cell's, over all its processes
}

type packet struct {
	message  *cell.Message
	files    []*os.File // in the order that the message says
	borrowed []*os.File // those of them that are closed once sent
}

// connect starts the writer of a process's channel.
func (k *Keeper) connect(x *process, f *os.File) error {
	conn, err := channel.New(f)
	if err != nil {
		return err
	}
	o := &outbox{
		conn: conn, packets: make(chan packet, outboxDepth), done: make(chan struct{}),
		signing: make(chan struct{}, maxSigning), pushed: &x.cell.pushed,
	}
	x.out = o
	k.running.Go(func() { k.write(x, o) })
	return nil
}

// hear starts the reader. What a process asks is answered by what it serves, so that
// must be known before: an adopted one has asked since its last keeper died.
func (k *Keeper) hear(x *process) {
	o := x.out
	k.running.Go(func() { k.read(x, o) })
}

// tell queues a message without descriptors.
func (x *process) tell(m *cell.Message) { x.send(packet{message: m}) }

// send queues a packet; files that are not borrowed must live as long as the pod.
func (x *process) send(p packet) {
	if x.out == nil {
		closeAll(p.borrowed)
		return
	}
	select {
	case x.out.packets <- p:
	default:
		closeAll(p.borrowed)
		x.out.full = true // the liveness check kills it
	}
}

// write sends what is queued until the reader has ended.
func (k *Keeper) write(x *process, o *outbox) {
	defer o.discard()
	for {
		select {
		case p := <-o.packets:
			err := o.post(p)
			var stuck *channel.TimeoutError
			var large *unsaidError
			switch {
			case err == nil, errors.Is(err, unix.EPIPE), errors.Is(err, os.ErrClosed): // the process or the pod has ended
			case errors.As(err, &stuck):
				k.hangUp(x, o, err) // what it missed would be missing for good
				return
			case errors.As(err, &large):
				k.log.Error("policies cannot be said", "cell", x.cell.group, "workload", large.workload, "error", err)
			default:
				k.log.Error("message not sent", "cell", x.cell.group, "error", err)
			}
		case <-o.done:
			return
		case <-k.life.Done():
			return
		}
	}
}

// post sends a packet. Policies for which there is no message become a refusal of everybody.
func (o *outbox) post(p packet) error {
	defer closeAll(p.borrowed)
	err := o.deliver(p)
	var short *cell.MemoryError
	for try := 1; try < tries && errors.As(err, &short); try++ {
		time.Sleep(shortPause)
		err = o.deliver(p)
	}
	var large *cell.TooLargeError
	if !errors.As(err, &large) && !errors.As(err, &short) {
		return err
	}
	closed, uid := shut(p.message)
	if closed == nil {
		return err
	}
	return errors.Join(&unsaidError{uid, err}, o.deliver(packet{message: closed, files: p.files}))
}

// A message that finds no memory is tried again, for half a second: descriptors that are short come back.
const (
	tries      = 6
	shortPause = 100 * time.Millisecond
)

func (o *outbox) deliver(p packet) error {
	packed, err := cell.Pack(p.message)
	if err != nil {
		return err
	}
	files := p.files
	if packed.Memory != nil {
		defer packed.Memory.Close()
		files = append([]*os.File{packed.Memory}, files...)
	}
	if err := o.conn.Send(packed.Bytes, files...); err != nil {
		return err
	}
	if isPush(p.message) {
		o.pushed.add(packed.Size)
	}
	return nil
}

// discard gives back what will not be sent any more.
func (o *outbox) discard() {
	for {
		select {
		case p := <-o.packets:
			closeAll(p.borrowed)
		default:
			return
		}
	}
}

// ifCurrent runs f on the loop if the process that o talks to is still the cell's.
// An answer to its predecessor must not reach it: questions are numbered anew by
// every process, and one workload would get the destination of another's question.
func (k *Keeper) ifCurrent(x *process, o *outbox, f func()) {
	k.do(func() {
		if x.out == o {
			f()
		}
	})
}

// doneServing takes a process's report about one workload. Each answers one message;
// only the answer to the last one says how things are.
func (k *Keeper) doneServing(x *process, m *cell.Done) {
	p, ok := x.serves(m.UID)
	if !ok {
		return
	}
	d := p.duties[x]
	switch {
	case d == nil:
	case m.Dropped && d.drops > 0:
		p.cut += max(0, m.Cut)
		if d.drops--; d.drops > 0 {
			if d.left != nil {
				k.note(p)
			}
			return
		}
		d.left = nil
		if d.dropping {
			k.end(d)
			return
		}
		k.note(p)
		k.lead(p)
	case !m.Dropped && d.serves > 0:
		d.serves--
		if m.Generation != "" {
			d.process.views[m.UID] = cut(m.Generation)
		}
		k.served(d, m.Error)
	}
}

func (k *Keeper) served(d *duty, failure string) {
	p, c := d.pod, d.process.cell
	if failure != "" {
		failure = cut(failure)
		err := fmt.Errorf("cell %s: %s", c.group, failure)
		k.log.Error("workload not served", "cell", c.group, "workload", p.UID, "error", failure)
		p.report(err)
		if p.cell.current == d.process {
			p.answer(err)
		}
		return
	}
	if d.serves == 0 && !d.dropping {
		k.serving(d)
	}
}
