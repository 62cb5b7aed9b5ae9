package fault

import (
	"context"
	"fmt"
	"time"
)

// NoisyNeighbour is a workload that takes what it can get: a crowd of clients in its
// pod, and handshakes at its door. Its data plane is not touched.
var NoisyNeighbour = noisyNeighbour{lasts: 4 * time.Second}

type noisyNeighbour struct{ lasts time.Duration }

// Name is part of Fault.
func (noisyNeighbour) Name() string { return "noisy-neighbour" }

// Effect is part of Fault.
func (noisyNeighbour) Effect() Effect { return Hampers }

// Lasts is part of Lasting.
func (f noisyNeighbour) Lasts() time.Duration { return f.lasts }

// About is part of Fault.
func (noisyNeighbour) About() About {
	return About{
		Group: Resources, Does: "has a crowd of slow clients and handshakes come from and to the culprit",
		Incident: "On a small cluster iperf3 from a neighbour starved a demo that shared its ztunnel.",
		Source:   "https://github.com/istio/ztunnel/issues/1288",
		Expect:   "Bystanders of the same process are served later, the more the less its budgets hold back.",
		Look:     "The rise of late answers against the null segment of the same turn.",
	}
}

// Describe is part of Fault.
func (noisyNeighbour) Describe(t Target) string {
	return fmt.Sprintf("noise of %s on %s: a crowd of slow clients, and handshakes at its door", t.Culprit, t.Node)
}

// Inject is part of Fault. The crowd goes home by itself when its time is over; the undo
// sends it home before, and waits.
func (f noisyNeighbour) Inject(ctx context.Context, t Target) (Injected, error) {
	at := t.Now()
	note, err := t.Crowd(ctx)
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	going, stop := context.WithTimeout(context.WithoutCancel(ctx), f.lasts)
	ended := make(chan error, 1)
	go func() {
		<-going.Done()
		err := t.Disperse()
		t.Saw(t.Now(), "the crowd has gone")
		ended <- err
	}()
	return Injected{At: at, Note: note, Undo: func(context.Context) error {
		stop()
		return <-ended
	}}, nil
}
