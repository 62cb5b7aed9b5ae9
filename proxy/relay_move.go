package proxy

import (
	"errors"
	"io"
	"os"

	"github.com/bulkhead-mesh/bulkhead/proxy/hazard"
)

// How the bytes of one direction move, by what the legs can do:
//
//	TCP → TCP      64 KiB buffers, then splice once it is a bulk transfer (relay_splice.go)
//	TCP → stream   64 KiB buffers, taken only when there is something to read; asleep
//	               when nothing comes (sleep.go)
//	stream → TCP   the stream writes by itself (relay_forward.go)
//	stream → any   WriteTo: the stream's own memory, no buffer
//	anything else  a 64 KiB buffer

// bufferSize is one read of a TCP leg. Four TLS records: larger ones gain
// nothing against the cost of sealing them, 16 KiB costs a system call for each.
const bufferSize = 64 << 10

// move copies from one leg to the other until EOF.
func move(from, to half, n *Count) error {
	src, srcTCP := from.Leg.(*tcpLeg)
	dst, dstTCP := to.Leg.(*tcpLeg)
	switch {
	case srcTCP && dstTCP:
		bulk, err := moveBuffered(from, to, src, n, true)
		if !bulk || err != nil {
			return err
		}
		return moveSpliced(from, to, src, dst, n)
	case srcTCP:
		return moveWakeful(from, to, src, n)
	}
	if src, ok := from.Leg.(io.WriterTo); ok {
		return moveOut(from, to, src, n)
	}
	return moveAny(from, to, n)
}

// moveWakeful is moveBuffered for a leg that falls asleep when nothing comes.
func moveWakeful(from, to half, src *tcpLeg, n *Count) error {
	bed.rise(src)
	told := false
	_, err := func() (bool, error) {
		defer func() { told = bed.lie(src) }() // at a panic, too
		return moveBuffered(from, to, src, n, false)
	}()
	var e *RelayError
	if told && errors.As(err, &e) && e.Op == "read" && errors.Is(err, os.ErrDeadlineExceeded) {
		return errAsleep // and not where the other leg has run out of time
	}
	return err
}

// moveBuffered reads from TCP into pooled buffers. With upgrade it returns when
// the transfer has become a bulk one, which full reads in a row tell.
func moveBuffered(from, to half, src *tcpLeg, n *Count, upgrade bool) (bulk bool, err error) {
	const fullReads = 4
	for full := 0; !upgrade || full < fullReads; {
		m, err := movePiece(from, to, src, n)
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		full++
		if m < bufferSize {
			full = 0
		}
	}
	return true, nil
}

// movePiece is one read and its write. The buffer goes back at a panic, too: its charge
// would be the workload's for ever.
func movePiece(from, to half, src *tcpLeg, n *Count) (int, error) {
	p, m, err := src.readPooled()
	if err == io.EOF {
		return 0, err
	}
	if err != nil {
		return 0, from.failed("read", err)
	}
	defer p.put(src.account)
	src.stir()
	hazard.Bytes(p.b[:m])
	w, err := to.Write(p.b[:m])
	n.Add(int64(w))
	return m, to.failed("write", err)
}

// moveOut lets a stream write its memory into the other leg.
func moveOut(from, to half, src io.WriterTo, n *Count) error {
	m := &meter{to: to, n: n}
	_, err := src.WriteTo(m)
	if m.err != nil {
		return to.failed("write", m.err)
	}
	return from.failed("read", err)
}

// meter counts what goes through it, and keeps the writer's error apart from
// the reader's.
type meter struct {
	to  io.Writer
	n   *Count
	err error
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.to.Write(p)
	m.n.Add(int64(n))
	m.err = err
	return n, err
}

func moveAny(from, to half, n *Count) error {
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	for {
		m, err := from.Read(b[:])
		if m > 0 {
			w, err := to.Write(b[:m])
			n.Add(int64(w))
			if err != nil {
				return to.failed("write", err)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return from.failed("read", err)
		}
	}
}
