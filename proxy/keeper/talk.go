package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

const (
	// outboxDepth bounds what a cell that does not read can make the keeper keep.
	outboxDepth = 1024
	// maxSigning bounds the CSRs of one cell that wait for the CA at a time.
	maxSigning = 8
)

// outbox is the keeper's end of one channel: a writer that nobody waits for.
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
	o := &outbox{conn: conn, packets: make(chan packet, outboxDepth), done: make(chan struct{}), signing: make(chan struct{}, maxSigning), pushed: &x.cell.pushed}
	x.out = o
	k.running.Go(func() { k.write(o) })
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

func (k *Keeper) write(o *outbox) {
	defer o.discard()
	for {
		select {
		case p := <-o.packets:
			b, err := cell.Encode(p.message)
			if err == nil {
				err = o.conn.Send(b, p.files...)
			}
			if err == nil && isPush(p.message) {
				o.pushed.add(len(b))
			}
			closeAll(p.borrowed)
			if err != nil {
				k.log.Warn("channel to a cell", "error", err)
			}
		case <-o.done:
			return
		case <-k.life.Done():
			return
		}
	}
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

// read serves one process's requests until its channel ends. A packet that is no
// message kills the cell: it is broken or hostile, and neither gets better.
func (k *Keeper) read(x *process, o *outbox) {
	defer close(o.done)
	defer o.conn.Close()
	stop := context.AfterFunc(k.life, func() { o.conn.Close() })
	defer stop()
	for {
		b, files, err := o.conn.Recv()
		for _, f := range files {
			f.Close() // a cell has nothing to hand over
		}
		var m *cell.Message
		if err == nil {
			m, err = cell.Decode(b)
		}
		var malformed *cell.MalformedError
		var truncated *channel.TruncatedError
		if errors.As(err, &malformed) || errors.As(err, &truncated) {
			k.ifCurrent(x, o, func() { k.kill(x, unix.SIGKILL, err.Error()) })
		}
		if err != nil {
			return
		}
		k.receive(x, o, m)
	}
}

func (k *Keeper) receive(x *process, o *outbox, m *cell.Message) {
	switch {
	case m.Hello != nil:
		if m.Hello.Version != cell.ProtocolVersion {
			why := fmt.Sprintf("it speaks version %d, this keeper %d", m.Hello.Version, cell.ProtocolVersion)
			k.ifCurrent(x, o, func() { k.kill(x, unix.SIGKILL, why) })
		}
	case m.Resolve != nil:
		a := k.resolve(x, m.Resolve)
		k.ifCurrent(x, o, func() { x.tell(&cell.Message{Answer: a}) })
	case m.Sign != nil:
		k.sign(x, o, m.Sign)
	case m.Pong != nil:
		k.ifCurrent(x, o, func() { k.pong(x, m.Pong) })
	case m.Done != nil:
		k.ifCurrent(x, o, func() { k.doneServing(x, m.Done) })
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

// resolve answers for workloads of the asking cell only.
func (k *Keeper) resolve(x *process, q *cell.Resolve) *cell.Answer {
	if _, ok := x.serves(q.UID); !ok {
		return &cell.Answer{ID: q.ID, Error: fmt.Sprintf("this cell does not serve %q", q.UID)}
	}
	return &cell.Answer{ID: q.ID, Answer: k.snapshot.Load().Resolve(q.Dst)}
}

// sign has the CA sign a CSR, if the identity is one of a workload that the cell
// serves: a stolen cell can ask for no others.
func (k *Keeper) sign(x *process, o *outbox, q *cell.Sign) {
	id, err := k.authorize(x, q.Identity)
	if err != nil {
		k.signed(x, o, &cell.Signed{ID: q.ID, Error: err.Error()})
		return
	}
	select {
	case o.signing <- struct{}{}:
	default:
		k.signed(x, o, &cell.Signed{ID: q.ID, Error: "too many CSRs under way, ask again"})
		return
	}
	k.running.Go(func() {
		defer func() { <-o.signing }()
		s := &cell.Signed{ID: q.ID}
		s.Chain, s.Roots, err = k.signer.Sign(k.life, id, q.CSR)
		if err != nil {
			s.Error = err.Error()
		}
		k.signed(x, o, s)
	})
}

func (k *Keeper) signed(x *process, o *outbox, s *cell.Signed) {
	k.ifCurrent(x, o, func() { x.tell(&cell.Message{Signed: s}) })
}

func (k *Keeper) authorize(x *process, text string) (identity.ID, error) {
	id, err := identity.Parse(text)
	if err != nil {
		return id, err
	}
	s := k.snapshot.Load()
	for _, p := range x.snapshot() {
		if w, ok := workloadOf(s, p.UID); ok && w.Identity == id {
			return id, nil
		}
	}
	return id, fmt.Errorf("this cell serves no workload with the identity %s", id)
}

func workloadOf(s *mesh.Snapshot, uid string) (mesh.Workload, bool) {
	if s == nil {
		return mesh.Workload{}, false
	}
	return s.Workload(uid)
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
		if d.drops--; d.drops == 0 && d.dropping {
			k.end(d)
		}
	case !m.Dropped && d.serves > 0:
		d.serves--
		k.served(d, m.Error)
	}
}

func (k *Keeper) served(d *duty, failure string) {
	p, c := d.pod, d.process.cell
	if failure != "" {
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
