package cell

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// ErrFeedGone ends a cell whose feed is gone: on a node, keeper and anchor both.
var ErrFeedGone = errors.New("the feed is gone: keeper and anchor have ended")

// Config is what a cell is made of.
type Config struct {
	Feed      Feed
	Transport func(*budget.Account) tunnel.Transport // of one workload
	// Datagrams is how tunnels over QUIC of one workload are made; nil: there are none.
	Datagrams func(*budget.Account, net.PacketConn, *Datagrams) (proxy.Datagrams, error)
	Log       *slog.Logger           // never waits for whoever reads it: the loop and the listeners write it
	Access    slog.Handler           // of access lines, which a queue of their own feeds; nil: that of Log
	Drain     func() time.Duration   // asked when a drain begins
	Keys      func(identity.ID) Keys // where SVIDs are from; nil: the CA behind the feed
	Doze      bool                   // collect no garbage to speak of before the first connection; see collection
}

// cell is the state of Run. The loop goroutine owns served and issuers; counters
// are atomic.
type cell struct {
	Config
	sink    *telemetry.Sink
	turns   *budget.Turns
	memory  *memory
	served  map[string]*served
	leaving map[*served]struct{} // dropped, and their connections drain
	books   map[string]*book     // by workload UID
	answer  func(*Pong, uint64)  // of the last ping; nil: there was none
	rest    rest
	issuers map[identity.ID]*issuing
	running sync.WaitGroup // each Add is one served.run or issuing.run goroutine
}

// Run serves what the feed says until ctx ends (drain, then deadline, then close)
// or the feed is gone, which is ErrFeedGone.
func Run(ctx context.Context, c Config) error {
	s := &cell{
		Config:  c,
		sink:    telemetry.NewSink(c.access()),
		turns:   budget.NewTurns(runtime.GOMAXPROCS(0)),
		served:  map[string]*served{},
		leaving: map[*served]struct{}{},
		books:   map[string]*book{},
		issuers: map[identity.ID]*issuing{},
	}
	if c.Doze {
		collection.doze()
		defer collection.wake()
	}
	s.memory = newMemory()
	defer s.memory.stop()
	err := s.loop(ctx)
	s.dropAll()
	s.attend(ctx)
	s.sink.Close()
	return err
}

func (c Config) access() slog.Handler {
	if c.Access == nil {
		return c.Log.Handler()
	}
	return c.Access
}

func (s *cell) loop(ctx context.Context) error {
	for {
		select {
		case e, ok := <-s.Feed.Events():
			if !ok {
				return ErrFeedGone
			}
			s.handle(ctx, e)
		case <-s.memory.look:
			s.relieve()
		case <-ctx.Done():
			return nil
		}
	}
}

// attend goes on hearing the feed while connections drain, until the last has ended: what is
// denied meanwhile is cut, and whoever asks is answered.
func (s *cell) attend(ctx context.Context) {
	ended := make(chan struct{})
	go func() { s.running.Wait(); close(ended) }()
	events := s.Feed.Events()
	for {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			s.handleLate(ctx, e)
		case <-ended:
			return
		}
	}
}

// handleLate is handle for a cell that serves nobody any more, and begins nothing.
func (s *cell) handleLate(ctx context.Context, e Event) {
	switch {
	case e.Serve != nil:
		s.judgeLeaving(e.Serve.Workload.UID, e.Serve.View.Policies)
		e.Serve.close()
	case e.Judge != nil, e.Invalidate != nil, e.Ping != nil, e.Look != nil:
		s.handle(ctx, e)
	}
}

func (s *cell) handle(ctx context.Context, e Event) {
	switch {
	case e.Serve != nil:
		s.serve(ctx, e.Serve, e.Done)
	case e.Drop != nil:
		s.drop(e.Drop, e.Cut, e.Done)
	case e.Judge != nil:
		s.judgeLeaving(e.Judge.UID, e.Judge.set())
	case e.Invalidate != nil:
		if e.Invalidate.Version == 0 {
			s.introduce()
		}
		for _, v := range s.served {
			e.Invalidate.tell(v)
		}
		for v := range s.leaving { // the last who accepts still resolves
			e.Invalidate.tell(v)
		}
	case e.Look != nil:
		e.Seen(s.look(e.Look))
	case e.Strike != nil:
		collection.wake() // what fails has its real memory limit
		e.Strike()
	case e.Ping != nil:
		s.answer = e.Ping
		news := s.news()
		if news != nil && carried(news.Counts) {
			collection.wake()
			s.memory.begin()
		}
		e.Ping(news, s.sink.Dropped())
		s.rest.look()
	}
}

// tell has a workload ask anew for what has changed.
func (i *Invalidate) tell(v *served) {
	if addresses, all := i.of(v.uid); all {
		v.resolver.invalidate(i.Version)
	} else {
		v.resolver.outdate(i.Version, addresses)
	}
}

// serve starts a workload, or refreshes one that is served already. Its connections of
// before it left and came back drain in a twin, which is judged by the same policies.
func (s *cell) serve(ctx context.Context, a *Assignment, done func(error)) {
	judged := s.judgeLeaving(a.Workload.UID, a.View.Policies)
	if v := s.served[a.Workload.UID]; v != nil {
		judged = append(judged, v.work.SetView(a.View))
		v.setLimits(a.Budget)
		a.close()
		if !a.Patient {
			v.hasten()
		}
		v.whenServing(judged, done)
		return
	}
	v, err := s.newServed(ctx, a)
	if err != nil {
		a.close()
		done(fmt.Errorf("serve %s: %w", a.Workload.UID, err))
		return
	}
	s.served[a.Workload.UID] = v
	s.running.Go(v.run)
	v.whenServing(judged, done)
}

// drop ends a workload; done is called when its last connection has ended.
func (s *cell) drop(d *Drop, cut func(int), done func(error)) {
	v := s.served[d.UID]
	if v == nil {
		s.dropAgain(d, done)
		return
	}
	delete(s.served, d.UID)
	if d.Drain > 0 {
		v.work.DrainFor(d.Drain)
	}
	if d.Last {
		v.work.Last()
	}
	if d.Now {
		v.cutNow()
	}
	v.stop()
	s.release(v.identity)
	s.leaving[v] = struct{}{}
	v.left = make(chan struct{})
	answer := s.answer
	s.running.Go(func() {
		<-v.ended
		if cut != nil {
			cut(v.work.Severed())
		}
		if answer != nil { // before done: then nobody listens to what is said of it any more
			v.last(func(p *Pong) { answer(p, s.sink.Dropped()) })
		}
		done(nil)
		close(v.left)
	})
}

// dropAgain is the Drop of a workload that is not served: a keeper says one again whose
// answer its predecessor may have had. What still drains is not over because of that.
func (s *cell) dropAgain(d *Drop, done func(error)) {
	var left []chan struct{}
	for v := range s.leaving {
		if v.uid != d.UID {
			continue
		}
		if d.Now {
			v.cutNow()
		}
		left = append(left, v.left)
	}
	s.running.Go(func() {
		for _, each := range left {
			<-each
		}
		done(nil)
	})
}

// judgeLeaving has the connections of a workload that drain here judged by new policies.
// What it returns is closed once that is done.
func (s *cell) judgeLeaving(uid string, p mesh.PolicySet) (judged []<-chan struct{}) {
	for v := range s.leaving {
		if v.uid == uid {
			judged = append(judged, v.work.SetPolicies(p))
		}
	}
	return judged
}

func (s *cell) dropAll() {
	for uid := range s.served {
		s.drop(&Drop{UID: uid}, nil, func(error) {})
	}
}
