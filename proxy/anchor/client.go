package anchor

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// callTimeout is for an anchor that is stopped; a busy one answers in milliseconds.
const callTimeout = 30 * time.Second

// Client is the keeper's end. Its methods may be called from any goroutine; those that
// ask the anchor wait for its answer.
type Client struct {
	conn    *channel.Conn
	events  chan Event
	wake    chan struct{}  // says that exits has grown
	done    chan struct{}  // closed by Close
	gone    chan struct{}  // closed when the anchor is gone, or Close was called
	running sync.WaitGroup // receive and deliver
	closing sync.Once

	mu      sync.Mutex
	last    uint32 // id of the last call
	pending map[uint32]chan answer
	exits   []Event // from receive to deliver; bounded by the anchor's MaxProcesses
}

type answer struct {
	packet packet
	files  []*os.File
}

// Event says that a process has ended.
type Event struct {
	Name   string
	Label  []byte
	PID    int
	Status unix.WaitStatus
}

// Spec is a process to start.
type Spec struct {
	Name  string
	Label []byte
	Argv  []string   // the first is the path; /proc/self/exe is the anchor's own
	Env   []string   // exactly; nil is none
	Files []*os.File // become fd 3, 4, …; the caller closes its own
	// OwnPIDs makes it PID 1 of a pid namespace; needs CAP_SYS_ADMIN. It can be
	// terminated only once it has installed a handler, as Go programs do at once.
	OwnPIDs bool
}

// Hold has the anchor hold a copy of f under a name, in place of what it held there.
func (c *Client) Hold(name string, label []byte, f *os.File) error {
	_, err := c.call(packet{verb: verbHold, name: name, label: label}, f)
	return err
}

// Drop has the anchor close what it holds under a name.
func (c *Client) Drop(name string) error {
	_, err := c.call(packet{verb: verbDrop, name: name})
	return err
}

// Fetch returns a copy of what the anchor holds under a name; the caller closes it.
// A keeper that keeps listeners open itself is woken by each of their connections
// (see channel.RecvFDs), so it may leave them with the anchor and fetch them when a
// cell needs them.
func (c *Client) Fetch(name string) (*os.File, error) {
	a, err := c.call(packet{verb: verbFetch, name: name})
	if err != nil {
		return nil, err
	}
	if len(a.files) != 1 {
		return nil, &MalformedError{"fetch was answered without a descriptor"}
	}
	return a.files[0], nil
}

// Start has the anchor start a process, which runs when Start returns: its exec
// succeeded. A name that runs already is refused.
func (c *Client) Start(s Spec) (pid int, err error) {
	p := packet{verb: verbStart, name: s.Name, label: s.Label, argv: s.Argv, env: s.Env}
	if s.OwnPIDs {
		p.number = startOwnPIDs
	}
	a, err := c.call(p, s.Files...)
	return int(a.packet.number), err
}

// Signal sends a signal to a process and to what it has forked.
func (c *Client) Signal(name string, sig unix.Signal) error {
	_, err := c.call(packet{verb: verbSignal, name: name, number: uint32(sig)})
	return err
}

// Quit asks the anchor to end, as SIGTERM does: this keeper gets SIGTERM in turn, and
// what runs after the grace period is killed.
func (c *Client) Quit() error {
	_, err := c.call(packet{verb: verbQuit})
	return err
}

// Events are the ends of processes. The channel is closed when the anchor is gone.
func (c *Client) Events() <-chan Event { return c.events }

// Close gives up the socket; the anchor expects the keeper to exit. Events is closed,
// and what it had not delivered goes to the next keeper.
func (c *Client) Close() error {
	c.closing.Do(func() {
		close(c.done)
		c.conn.Close()
	})
	c.running.Wait()
	return nil
}

// call sends a request and waits for its answer.
func (c *Client) call(p packet, files ...*os.File) (answer, error) {
	reply := make(chan answer, 1)
	c.mu.Lock()
	c.last++
	p.id = c.last
	c.pending[p.id] = reply
	c.mu.Unlock()
	defer c.forget(p.id, reply)
	if err := p.checkRequest(len(files)); err != nil {
		return answer{}, err
	}
	if err := c.send(p, files...); err != nil {
		return answer{}, err
	}
	timeout := time.NewTimer(callTimeout)
	defer timeout.Stop()
	select {
	case a := <-reply:
		return a, a.refusal(p)
	case <-c.gone:
		select {
		case a := <-reply: // its last words
			return a, a.refusal(p)
		default:
			return answer{}, fmt.Errorf("%s %s: %w", p.verb, p.name, ErrGone)
		}
	case <-timeout.C:
		return answer{}, fmt.Errorf("%s %s: %w", p.verb, p.name, &channel.TimeoutError{Op: "answer"})
	}
}

// forget ends a call. An answer that came after its timeout brings nothing to anyone.
func (c *Client) forget(id uint32, reply chan answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
	select {
	case a := <-reply:
		closeAll(a.files)
	default:
	}
}

func (c *Client) send(p packet, files ...*os.File) error {
	b, err := p.encode()
	if err != nil {
		return err
	}
	err = c.conn.Send(b, files...)
	if err == nil {
		return nil
	}
	select {
	case <-c.done: // closed here (os.ErrClosed may also mean one of the files)
		err = ErrGone
	default:
		if errors.Is(err, unix.EPIPE) {
			err = ErrGone
		}
	}
	return fmt.Errorf("%s %s: %w", p.verb, p.name, err)
}

func (a answer) refusal(p packet) error {
	if a.packet.name == "" {
		return nil
	}
	return &RefusedError{Verb: p.verb.String(), Name: p.name, Reason: a.packet.name}
}
