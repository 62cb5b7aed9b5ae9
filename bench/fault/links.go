package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
)

// Links are the links between nodes.
type Links interface {
	// Impair has something be wrong with a node's uplink, in place of what was before.
	Impair(ctx context.Context, node string, i wire.Impairment) error
	// Heal has every uplink be as it was built.
	Heal(context.Context) error
}

// uplink is a fault of the uplink of the culprit's node. It ends by itself when its time
// is over; the undo ends it before, and waits.
type uplink struct {
	name   string
	effect Effect
	is     wire.Impairment
	lasts  time.Duration
	beat   time.Duration // 0: it stands all the time; else so long, then so long not, and so on
}

// Name is part of Fault.
func (f uplink) Name() string { return f.name }

// Effect is part of Fault.
func (f uplink) Effect() Effect { return f.effect }

// Lasts is part of Lasting.
func (f uplink) Lasts() time.Duration { return f.lasts }

// about is what the catalogue says, which the faults have in common but for this.
func (f uplink) about(a About) About {
	a.Group = Network
	return a
}

func (f uplink) describe(t Target) string {
	return fmt.Sprintf("%s: on the uplink of %s %v, for %v", f.name, t.Node, f.is, f.lasts)
}

// Inject is part of Fault.
func (f uplink) Inject(ctx context.Context, t Target) (Injected, error) {
	at := t.Now()
	if err := t.Links.Impair(ctx, t.Node, f.is); err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.name, err)
	}
	going, stop := context.WithTimeout(context.WithoutCancel(ctx), f.lasts)
	ended := make(chan error, 1)
	go func() { ended <- f.stand(going, t) }()
	return Injected{At: at, Note: fmt.Sprintf("on the uplink of %s %v", t.Node, f.is), Undo: func(ctx context.Context) error {
		stop()
		if err := <-ended; err != nil { // what could not be healed may be now
			return t.Links.Heal(ctx)
		}
		return nil
	}}, nil
}

// stand waits for the end, beating, and heals. Healing does not end with ctx, which is
// over then.
func (f uplink) stand(ctx context.Context, t Target) error {
	err := f.beats(ctx, t)
	if e := t.Links.Heal(context.WithoutCancel(ctx)); e != nil {
		t.Saw(t.Now(), "not healed: "+e.Error())
		return e
	}
	t.Saw(t.Now(), "healed")
	return err
}

// beats returns when the time is over.
func (f uplink) beats(ctx context.Context, t Target) error {
	if f.beat == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(f.beat)
	defer tick.Stop()
	for up := true; ; up = !up {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		i := f.is
		if up {
			i = wire.Impairment{}
		}
		at := t.Now()
		if err := t.Links.Impair(context.WithoutCancel(ctx), t.Node, i); err != nil {
			return err
		}
		t.Saw(at, i.String())
	}
}
