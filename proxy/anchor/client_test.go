package anchor

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// fakeAnchor is the other end of a client.
type fakeAnchor struct {
	t    *testing.T
	conn *channel.Conn
}

func (a *fakeAnchor) read() packet {
	a.t.Helper()
	b, files, err := a.conn.Recv()
	if err != nil {
		a.t.Fatal(err)
	}
	closeAll(files)
	p, err := decode(b)
	if err == nil {
		err = p.checkRequest(len(files))
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

func (a *fakeAnchor) say(p packet, files ...*os.File) {
	a.t.Helper()
	b, err := p.encode()
	if err == nil {
		err = a.conn.Send(b, files...)
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// adopted is a client that has adopted what its fake anchor says.
func adopted(t *testing.T, inventory func(a *fakeAnchor)) (*fakeAnchor, *Client, *Inventory) {
	t.Helper()
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := channel.New(ours)
	if err != nil {
		t.Fatal(err)
	}
	a := &fakeAnchor{t, conn}
	t.Cleanup(func() { conn.Close() })
	// The socket's buffer takes the inventory before it is asked for.
	inventory(a)
	a.say(packet{verb: verbAdopted})
	c, i, err := adopt(theirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); i.Close() })
	if p := a.read(); p.verb != verbAdopt {
		t.Fatalf("the client begins with %s", p.verb)
	}
	return a, c, i
}

func empty(*fakeAnchor) {}

func TestAdoptWithoutAnchor(t *testing.T) {
	if isAnchorSocket(socketFD) {
		t.Fatal("descriptor 3 of a test is an anchor's socket")
	}
	if _, _, err := Adopt(); !errors.Is(err, ErrNoAnchor) {
		t.Errorf("Adopt: %v, want ErrNoAnchor", err)
	}
}

func TestInventory(t *testing.T) {
	_, _, i := adopted(t, func(a *fakeAnchor) {
		a.say(packet{verb: verbHeld, name: "null", label: []byte("x")}, os.Stdin)
		a.say(packet{verb: verbProcess, name: "cell", number: 4711})
	})
	if len(i.Held) != 1 || i.Held[0].Name != "null" || string(i.Held[0].Label) != "x" || i.Held[0].File == nil {
		t.Errorf("held %+v", i.Held)
	}
	if len(i.Processes) != 1 || i.Processes[0].Name != "cell" || i.Processes[0].PID != 4711 {
		t.Errorf("processes %+v", i.Processes)
	}
}

// An inventory that breaks off leaves no descriptor open (TestMain looks).
func TestInventoryBreaksOff(t *testing.T) {
	for name, end := range map[string]func(a *fakeAnchor){
		"end":                        func(a *fakeAnchor) { a.conn.Close() },
		"malformed":                  func(a *fakeAnchor) { a.conn.Send([]byte{1}, os.Stdin) },
		"a request":                  func(a *fakeAnchor) { a.say(packet{verb: verbQuit}) },
		"held, without a descriptor": func(a *fakeAnchor) { a.say(packet{verb: verbHeld, name: "x"}) },
	} {
		ours, theirs, err := channel.Pair()
		if err != nil {
			t.Fatal(err)
		}
		conn, err := channel.New(ours)
		if err != nil {
			t.Fatal(err)
		}
		a := &fakeAnchor{t, conn}
		a.say(packet{verb: verbHeld, name: "null"}, os.Stdin)
		end(a)
		if _, _, err := adopt(theirs); err == nil {
			t.Errorf("%s: adopted", name)
		}
		conn.Close()
	}
}

// Answers find their calls by id, in any order; others are nobody's.
func TestAnswersOutOfOrder(t *testing.T) {
	a, c, _ := adopted(t, empty)
	type result struct {
		name string
		err  error
	}
	results := make(chan result)
	for _, name := range []string{"a", "b"} {
		go func() { results <- result{name, c.Drop(name)} }()
	}
	first, second := a.read(), a.read()
	a.say(packet{verb: verbAck, id: 999, name: "for nobody"}, os.Stdin)
	a.say(packet{verb: verbAck, id: second.id, name: "no"})
	a.say(packet{verb: verbAck, id: first.id})
	for range 2 {
		r := <-results
		var refused *RefusedError
		if want := r.name == second.name; errors.As(r.err, &refused) != want {
			t.Errorf("drop %s: %v, want refused %t", r.name, r.err, want)
		}
	}
}

func TestAnchorGone(t *testing.T) {
	a, c, _ := adopted(t, empty)
	called := make(chan error, 1)
	go func() { called <- c.Signal("cell", unix.SIGTERM) }()
	a.read()
	a.say(packet{verb: verbExited, name: "cell", number: 7, status: 9})
	a.conn.Close()
	if err := <-called; !errors.Is(err, ErrGone) {
		t.Errorf("the call that waited: %v, want ErrGone", err)
	}
	// What it said last is still delivered.
	if e, ok := <-c.Events(); !ok || e.PID != 7 || e.Status.Signal() != unix.SIGKILL {
		t.Errorf("last event %+v, %t", e, ok)
	}
	if e, ok := <-c.Events(); ok {
		t.Errorf("event %+v of an anchor that is gone", e)
	}
	if err := c.Drop("x"); !errors.Is(err, ErrGone) {
		t.Errorf("a later call: %v, want ErrGone", err)
	}
}

func TestCloseWithEventsNotTaken(t *testing.T) {
	a, c, _ := adopted(t, empty)
	for pid := range uint32(10) {
		a.say(packet{verb: verbExited, name: "cell", number: pid})
	}
	<-c.Events()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range c.Events() {
		t.Error("an event after Close")
	}
}

func TestClientRefusesByItself(t *testing.T) {
	_, c, _ := adopted(t, empty)
	for name, err := range map[string]error{
		"no name":    c.Drop(""),
		"no program": second(c.Start(Spec{Name: "x"})),
		"too long":   second(c.Start(Spec{Name: "x", Argv: []string{"/x", string(make([]byte, 70_000))}})),
		"long label": c.Hold("x", make([]byte, maxLabel+1), os.Stdin),
	} {
		if !malformed(err) {
			t.Errorf("%s: %v, want a *MalformedError", name, err)
		}
	}
	many := make([]*os.File, channel.MaxFiles+1)
	for i := range many {
		many[i] = os.Stdin
	}
	var size *channel.SizeError
	if err := second(c.Start(Spec{Name: "x", Argv: []string{"/x"}, Files: many})); !errors.As(err, &size) {
		t.Errorf("%d files: %v, want a *channel.SizeError", len(many), err)
	}
}

func second(_ int, err error) error { return err }

// A caller must not take its own closed file for the end of the anchor.
func TestHoldClosedFile(t *testing.T) {
	_, c, _ := adopted(t, empty)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := c.Hold("x", nil, f); errors.Is(err, ErrGone) || !errors.Is(err, os.ErrClosed) {
		t.Errorf("Hold of a closed file: %v", err)
	}
	c.Close()
	if err := c.Drop("x"); !errors.Is(err, ErrGone) {
		t.Errorf("Drop after Close: %v, want ErrGone", err)
	}
}
