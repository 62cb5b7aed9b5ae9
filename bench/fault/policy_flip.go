package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// PolicyFlip pushes policies again and again that forbid a flow of the culprit's and allow
// it, and tries all the while whether what is forbidden gets in.
var PolicyFlip = policyFlip{lasts: 10 * time.Second, every: 100 * time.Millisecond}

type policyFlip struct{ lasts, every time.Duration }

// Flip is one flow of the culprit's.
type Flip interface {
	String() string
	// Push has the flow denied or allowed from now on, and returns the generation of the
	// policies that do so, which no other push has.
	Push(denied bool) (generation string, err error)
	// InForce is the generation by which the server's cell says that it judges.
	InForce(ctx context.Context) (string, error)
	// Try says whether a new connection gets an answer.
	Try(ctx context.Context) (answered bool, err error)
	// Lift takes back what was pushed.
	Lift() error
}

// Name is part of Fault.
func (policyFlip) Name() string { return "policy-flip" }

// Effect is part of Fault.
func (policyFlip) Effect() Effect { return Forbids }

// Lasts is part of Lasting.
func (f policyFlip) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f policyFlip) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (policyFlip) About() About {
	return About{
		Group: Control, Does: "pushes policies ten times a second that forbid one flow of the culprit's and allow it",
		Incident: "A controller that fights with another rewrites policies in a loop. ztunnel skips policies whose names it does not know yet, so that a push can open what it should close.",
		Expect:   "Where the server's cell says that the denial is in force, nobody is let in, and connections that are open are cut; no other flow notices, whoever shares the cell.",
		Look:     "The checks: one admitted while denied is a hole in the policy. Only the flow that is forbidden may be hit.",
	}
}

// Describe is part of Fault.
func (f policyFlip) Describe(t Target) string {
	return fmt.Sprintf("a push every %v for %v that forbids the first flow of %s, and allows it", f.every, f.lasts, t.Culprit)
}

// Inject is part of Fault. The last push is taken back when the time is over.
func (f policyFlip) Inject(ctx context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("policy-flip: %w", err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	flow, err := t.Flip()
	if err != nil {
		return Injected{}, fmt.Errorf("policy-flip: %w", err)
	}
	at := t.Now()
	var s flipScore
	undo := during(ctx, f.lasts, func(going context.Context) error {
		err := f.stand(going, flow, &s)
		t.Saw(t.Now(), fmt.Sprintf("%d pushes, and the last one lifted", s.pushes))
		return err
	})
	return Injected{At: at, Note: "pushes flip " + flow.String(), Undo: undo, Checks: s.checks}, nil
}

// stand pushes until its time is over.
func (f policyFlip) stand(going context.Context, flow Flip, s *flipScore) error {
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	going, stop := context.WithCancel(going)
	defer stop()
	tried := make(chan error, 1)
	go func() { tried <- s.try(going, flow) }()
	var err error
	for denied := true; going.Err() == nil; denied = !denied {
		s.begin(denied)
		var generation string
		if generation, err = flow.Push(denied); err == nil {
			s.pushed(generation)
		}
		if err != nil {
			break
		}
		select {
		case <-tick.C:
		case <-going.Done():
		}
	}
	stop()
	return errors.Join(err, <-tried, flow.Lift())
}

// flipScore is what was pushed, and what came of the tries.
type flipScore struct {
	mu         sync.Mutex
	pushes     int
	denied     bool
	generation string // of the last push; empty while it is under way

	denials, admitted int64
	allowed, refused  int64
}

func (s *flipScore) begin(denied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushes++
	s.denied, s.generation = denied, ""
}

func (s *flipScore) pushed(generation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation = generation
}

// standing says which push is the last one, once it is done.
func (s *flipScore) standing() (push int, generation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushes, s.generation
}

// try tries as long as there are pushes. A try counts when the last push was in force
// before it began, by the cell's own word, and was still the last one when it was over.
func (s *flipScore) try(going context.Context, flow Flip) error {
	for going.Err() == nil {
		push, generation := s.standing()
		inForce, err := flow.InForce(going)
		if err != nil && going.Err() == nil {
			return err
		}
		if generation == "" || inForce != generation {
			pause(going, 5*time.Millisecond) // the push is under way: to ask at once would slow it down
			continue
		}
		answered, err := flow.Try(going)
		if err == nil {
			s.count(push, answered)
		}
	}
	return nil
}

func (s *flipScore) count(push int, answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case push != s.pushes: // overtaken: it proves nothing
	case s.denied:
		s.denials++
		if answered {
			s.admitted++
		}
	default:
		s.allowed++
		if !answered {
			s.refused++
		}
	}
}

// checks has the opposite, too: where nothing is ever admitted, a denial proves nothing.
func (s *flipScore) checks() []Check {
	s.mu.Lock()
	defer s.mu.Unlock()
	note := fmt.Sprintf("of %d pushes", s.pushes)
	return []Check{
		{Name: "admitted while denied", Tried: s.denials, Violated: s.admitted, Note: note},
		{Name: "refused while allowed", Tried: s.allowed, Violated: s.refused, Note: note},
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
