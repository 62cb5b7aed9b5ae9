package anchor

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// socketFD is where the anchor puts the keeper's end.
const socketFD = 3

// ErrNoAnchor says that this process was not started by an anchor.
var ErrNoAnchor = errors.New("anchor: descriptor 3 is not the anchor's socket; the keeper is started by `bulkhead-node --config`, never directly")

// Held is one descriptor that the anchor holds.
type Held struct {
	Name  string
	Label []byte
	File  *os.File
}

// Process is one running process of the anchor's.
type Process struct {
	Name  string
	Label []byte
	PID   int
}

// Inventory is what a keeper finds when it starts. Its files belong to the keeper.
type Inventory struct {
	Held      []Held
	Processes []Process
}

// Close closes the inventory's files.
func (i *Inventory) Close() {
	for _, h := range i.Held {
		h.File.Close()
	}
}

// Adopt takes over the socket to the anchor and reads the inventory. Call it once.
func Adopt() (*Client, *Inventory, error) {
	if !isAnchorSocket(socketFD) {
		return nil, nil, ErrNoAnchor
	}
	return adopt(os.NewFile(socketFD, "anchor"))
}

// isAnchorSocket looks before anything is closed: descriptor 3 of a process that no
// anchor started may well be the runtime's epoll.
func isAnchorSocket(fd int) bool {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || domain != unix.AF_UNIX {
		return false
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind == unix.SOCK_SEQPACKET
}

func adopt(f *os.File) (*Client, *Inventory, error) {
	conn, err := channel.New(f)
	if err != nil {
		return nil, nil, fmt.Errorf("anchor: %w", err)
	}
	c := &Client{
		conn: conn, events: make(chan Event), wake: make(chan struct{}, 1),
		done: make(chan struct{}), gone: make(chan struct{}), pending: map[uint32]chan answer{},
	}
	inventory, err := c.takeInventory()
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("anchor: inventory: %w", err)
	}
	c.running.Go(c.receive)
	c.running.Go(c.deliver)
	return c, inventory, nil
}

// takeInventory asks for it and reads up to its end. No other goroutine reads yet.
func (c *Client) takeInventory() (*Inventory, error) {
	if err := c.conn.SetRecvDeadline(time.Now().Add(callTimeout)); err != nil {
		return nil, err
	}
	if err := c.send(packet{verb: verbAdopt}); err != nil {
		return nil, err
	}
	i := &Inventory{}
	for {
		p, files, err := c.next()
		if err != nil {
			i.Close()
			return nil, err
		}
		switch p.verb {
		case verbHeld:
			i.Held = append(i.Held, Held{Name: p.name, Label: p.label, File: files[0]})
		case verbProcess:
			i.Processes = append(i.Processes, Process{Name: p.name, Label: p.label, PID: int(p.number)})
		case verbAdopted:
			return i, c.conn.SetRecvDeadline(time.Time{})
		}
	}
}

// next is the next report, checked.
func (c *Client) next() (packet, []*os.File, error) {
	b, files, err := c.conn.Recv()
	if err != nil {
		return packet{}, nil, err
	}
	p, err := decode(b)
	if err == nil {
		err = p.checkReport(len(files))
	}
	if err != nil {
		closeAll(files)
		return packet{}, nil, err
	}
	return p, files, nil
}

// receive hands answers to their calls and exits to deliver, until the anchor is gone.
// It waits for nothing else: an anchor whose reports are not read kills its keeper.
func (c *Client) receive() {
	defer close(c.gone)
	for {
		p, files, err := c.next()
		if err != nil {
			return
		}
		switch p.verb {
		case verbAck:
			c.answer(p, files)
		case verbExited:
			c.queue(Event{Name: p.name, Label: p.label, PID: int(p.number), Status: unix.WaitStatus(p.status)})
		}
	}
}

func (c *Client) answer(p packet, files []*os.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reply := c.pending[p.id]
	delete(c.pending, p.id)
	if reply == nil {
		closeAll(files)
		return
	}
	reply <- answer{packet: p, files: files} // buffered, and sent to once
}

func (c *Client) queue(e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exits = append(c.exits, e)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// deliver passes exits on in order, and tells the anchor which ones were taken.
func (c *Client) deliver() {
	defer close(c.events)
	for {
		e, ok := c.nextExit()
		if !ok {
			return
		}
		select {
		case c.events <- e:
		case <-c.done:
			return
		}
		// An anchor that cannot hear this is gone, or will say it again.
		_ = c.send(packet{verb: verbSeen, name: e.Name, number: uint32(e.PID)})
	}
}

// nextExit waits for an exit. False: there will be none.
func (c *Client) nextExit() (Event, bool) {
	gone := false
	for {
		c.mu.Lock()
		if len(c.exits) > 0 {
			e := c.exits[0]
			c.exits = c.exits[1:]
			c.mu.Unlock()
			return e, true
		}
		c.mu.Unlock()
		if gone {
			return Event{}, false
		}
		select {
		case <-c.wake:
		case <-c.gone:
			gone = true // receive queues no more; look once again
		}
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
