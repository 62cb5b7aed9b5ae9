package attack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// channelFD is where the anchor puts a cell's end of the channel.
const channelFD = 3

// replyTimeout is how long the keeper may take for an answer.
const replyTimeout = 5 * time.Second

// keeper is the other end of the stolen channel. It speaks just enough of a cell to be
// taken for one.
type keeper struct {
	conn *channel.Conn

	mu      sync.Mutex
	next    uint64
	replies map[uint64]chan *cell.Message
	serves  int
	pods    map[string]*pod
	arrived chan struct{} // one token after each Serve
}

// pod is what the keeper hands over with a workload.
type pod struct {
	name  string
	files map[string]*os.File
}

func stealChannel() (*keeper, error) {
	conn, err := channel.New(os.NewFile(channelFD, "channel"))
	if err != nil {
		return nil, err
	}
	k := &keeper{conn: conn, replies: map[uint64]chan *cell.Message{}, pods: map[string]*pod{}, arrived: make(chan struct{}, 1)}
	return k, k.send(&cell.Message{Hello: &cell.Hello{Version: cell.ProtocolVersion, Cell: "cell"}})
}

func (k *keeper) send(m *cell.Message) error {
	b, err := cell.Encode(m)
	if err != nil {
		return err
	}
	return k.conn.Send(b)
}

// listen reads the channel until it is closed.
func (k *keeper) listen() {
	for {
		b, files, err := k.conn.Recv()
		if err != nil {
			return
		}
		m, err := cell.Decode(b)
		if err != nil {
			continue
		}
		k.take(m, files)
	}
}

func (k *keeper) take(m *cell.Message, files []*os.File) {
	switch {
	case m.Ping != nil:
		_ = k.send(&cell.Message{Pong: &cell.Pong{N: m.Ping.N}}) // a keeper that is gone pings again
	case m.Serve != nil:
		k.serve(m.Serve, files)
	case m.Drop != nil:
		_ = k.send(&cell.Message{Done: &cell.Done{UID: m.Drop.UID, Dropped: true}})
	case m.Answer != nil:
		k.reply(m.Answer.ID, m)
	case m.Signed != nil:
		k.reply(m.Signed.ID, m)
	}
}

func (k *keeper) serve(s *cell.Serve, files []*os.File) {
	w, err := mesh.FromWire(s.Workload)
	if err != nil || len(files) != len(s.Files) {
		return
	}
	p := &pod{name: w.UID, files: map[string]*os.File{}}
	for i, name := range s.Files {
		p.files[name] = files[i]
	}
	k.mu.Lock()
	k.serves++
	if len(files) > 0 || k.pods[w.UID] == nil {
		k.pods[w.UID] = p
	}
	k.mu.Unlock()
	select {
	case k.arrived <- struct{}{}:
	default:
	}
	_ = k.send(&cell.Message{Done: &cell.Done{UID: w.UID}})
}

func (k *keeper) reply(id uint64, m *cell.Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.replies[id]; c != nil {
		delete(k.replies, id)
		c <- m
	}
}

// ask sends a question with a fresh id and waits for the reply.
func (k *keeper) ask(ctx context.Context, question func(id uint64) *cell.Message) (*cell.Message, error) {
	c := make(chan *cell.Message, 1)
	k.mu.Lock()
	k.next++
	id := k.next
	k.replies[id] = c
	k.mu.Unlock()
	if err := k.send(question(id)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	select {
	case m := <-c:
		return m, nil
	case <-ctx.Done():
		return nil, errors.New("no answer")
	}
}

// await waits until the keeper has handed over all pods of a group.
func (k *keeper) await(ctx context.Context, group []string) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	for {
		if missing := k.missing(group); missing == "" {
			return nil
		} else if ctx.Err() != nil {
			return fmt.Errorf("the keeper did not hand over %s", missing)
		}
		select {
		case <-k.arrived:
		case <-ctx.Done():
		}
	}
}

func (k *keeper) missing(group []string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range group {
		if k.pods[name] == nil {
			return name
		}
	}
	return ""
}

// handed is how many Serves have come.
func (k *keeper) handed() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.serves
}

// file is a descriptor that came with a pod; nil: it did not.
func (k *keeper) file(pod, name string) *os.File {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.pods[pod]; p != nil {
		return p.files[name]
	}
	return nil
}
