package anchor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// hello is what a keeper says first.
type hello struct {
	PID       int
	Held      map[string]string // label by name
	Processes map[string]Process
	Files     []int // inherited
}

// order is what the test has a keeper do; the reply has what came of it.
type order struct {
	Do    string
	Name  string
	Label string
	Role  string   // start: of the process
	Argv  []string // start: instead of the test binary
	Raw   []byte   // raw: the packet
	Files int      // raw, start: more descriptors
	N     int
}

type reply struct {
	Error   string
	Refused string // reason of a *RefusedError
	PID     int
	Addr    string
	Text    string
	Sight   sight
	Event   Event
}

// fakeKeeper is one life of the keeper.
type fakeKeeper struct {
	client *Client
	held   map[string]*os.File
	test   net.Conn
	stay   atomic.Bool // also without an anchor
}

func playKeeper() error {
	files := inherited()
	client, inventory, err := Adopt()
	if err != nil {
		return err
	}
	test, err := net.Dial("unix", os.Getenv(socketVar))
	if err != nil {
		return err
	}
	k := &fakeKeeper{client: client, held: map[string]*os.File{}, test: test}
	h := hello{PID: os.Getpid(), Held: map[string]string{}, Processes: map[string]Process{}, Files: files}
	for _, held := range inventory.Held {
		h.Held[held.Name] = string(held.Label)
		k.held[held.Name] = held.File
	}
	for _, p := range inventory.Processes {
		h.Processes[p.Name] = p
	}
	if err := json.NewEncoder(test).Encode(h); err != nil {
		return err
	}
	go k.exitWithAnchor()
	return k.obey()
}

// exitWithAnchor is what every keeper owes the anchor.
func (k *fakeKeeper) exitWithAnchor() {
	<-k.client.gone
	if !k.stay.Load() {
		os.Exit(0)
	}
}

func (k *fakeKeeper) obey() error {
	orders := json.NewDecoder(k.test)
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			if err == io.EOF {
				select {} // the test is done with this keeper; the anchor is not
			}
			return err
		}
		r, err := k.do(o)
		var refused *RefusedError
		if errors.As(err, &refused) {
			r.Refused = refused.Reason
		}
		if err != nil {
			r.Error = err.Error()
		}
		if err := json.NewEncoder(k.test).Encode(r); err != nil {
			return err
		}
	}
}

func (k *fakeKeeper) do(o order) (r reply, err error) {
	switch o.Do {
	case "listen":
		return k.listen(o)
	case "serve":
		return r, k.serve(o.Name)
	case "hold":
		f, err := os.CreateTemp("", "held")
		if err != nil {
			return r, err
		}
		defer f.Close()
		defer os.Remove(f.Name())
		if _, err := f.WriteString(o.Label); err != nil {
			return r, err
		}
		return r, k.client.Hold(o.Name, []byte(o.Label), f)
	case "fetch":
		f, err := k.client.Fetch(o.Name)
		if err != nil {
			return r, err
		}
		defer f.Close()
		b := make([]byte, 1000)
		n, err := f.ReadAt(b, 0)
		r.Text = string(b[:n])
		if err == io.EOF {
			err = nil
		}
		return r, err
	case "drop":
		return r, k.client.Drop(o.Name)
	case "start":
		return k.start(o)
	case "ask":
		return k.ask(o.Name)
	case "signal":
		return r, k.client.Signal(o.Name, unix.Signal(o.N))
	case "event":
		select {
		case e, ok := <-k.client.Events():
			if !ok {
				return r, ErrGone
			}
			r.Event = e
			return r, nil
		case <-time.After(30 * time.Second):
			return r, errors.New("no event")
		}
	case "raw":
		return r, k.raw(o)
	case "ignore SIGTERM":
		signal.Ignore(unix.SIGTERM)
		return r, nil
	case "quit":
		return r, k.client.Quit()
	case "hang up":
		k.stay.Store(true)
		return r, k.client.Close()
	case "exit":
		os.Exit(o.N)
	}
	return r, fmt.Errorf("order %q", o.Do)
}

func (k *fakeKeeper) listen(o order) (r reply, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return r, err
	}
	k.held[o.Name] = f
	r.Addr, r.Text = l.Addr().String(), socketOf(f)
	return r, k.client.Hold(o.Name, []byte(o.Label), f)
}

// socketOf names a socket as /proc does.
func socketOf(f *os.File) string {
	var name string
	raw, err := f.SyscallConn()
	if err != nil {
		return err.Error()
	}
	raw.Control(func(fd uintptr) { name, _ = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)) })
	return name
}

// serve accepts one connection and says who it is.
func (k *fakeKeeper) serve(name string) error {
	l, err := net.FileListener(k.held[name])
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = fmt.Fprintf(c, "keeper %d", os.Getpid())
	return err
}

// start starts a cell: its channel is held first, as a keeper must.
func (k *fakeKeeper) start(o order) (r reply, err error) {
	if o.Argv != nil {
		r.PID, err = k.client.Start(Spec{Name: o.Name, Label: []byte(o.Label), Argv: o.Argv})
		return r, err
	}
	ours, theirs, err := channel.Pair()
	if err != nil {
		return r, err
	}
	defer theirs.Close()
	k.held["channel/"+o.Name] = ours
	if err := k.client.Hold("channel/"+o.Name, nil, ours); err != nil {
		return r, err
	}
	s := Spec{Name: o.Name, Label: []byte(o.Label), Argv: []string{"/proc/self/exe"}, Files: []*os.File{theirs}}
	s.Env = append(environment(o.Role), "MARK="+o.Label)
	for range o.Files {
		s.Files = append(s.Files, theirs)
	}
	r.PID, err = k.client.Start(s)
	return r, err
}

// ask talks to a cell over its channel, which may be an adopted one.
func (k *fakeKeeper) ask(name string) (r reply, err error) {
	f := k.held["channel/"+name]
	if f == nil {
		return r, errors.New("no channel")
	}
	conn, err := channel.New(f)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	delete(k.held, "channel/"+name)
	if err := conn.Send([]byte("who are you?")); err != nil {
		return r, err
	}
	b, _, err := conn.Recv()
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r.Sight)
}

// raw sends what no client would.
func (k *fakeKeeper) raw(o order) error {
	var files []*os.File
	for range o.Files {
		files = append(files, os.Stdin)
	}
	return k.client.conn.Send(o.Raw, files...)
}
