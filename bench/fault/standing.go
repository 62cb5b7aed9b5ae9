package fault

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// standing has a fault end by itself when its time is over. The undo that it returns
// ends it before, waits for that, and can be called again.
func standing(ctx context.Context, lasts time.Duration, end func() error) (undo func(context.Context) error) {
	return during(ctx, lasts, func(going context.Context) error {
		<-going.Done()
		return end()
	})
}

// during is standing for a fault that does something meanwhile: stand ends soon after its
// context, and what it had done is undone then.
func during(ctx context.Context, lasts time.Duration, stand func(going context.Context) error) (undo func(context.Context) error) {
	going, stop := context.WithTimeout(context.WithoutCancel(ctx), lasts)
	ended := make(chan error, 1)
	go func() { ended <- stand(going) }()
	wait := sync.OnceValue(func() error { stop(); return <-ended })
	return func(context.Context) error { return wait() }
}

// underway is for what goes on until it is done, however long that takes: the undo waits
// for it and passes its error on. A drill that is called off ends ctx.
func underway(ctx context.Context, do func(going context.Context) error) (undo func(context.Context) error) {
	going, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- do(going) }()
	return func(ctx context.Context) error {
		defer stop()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// saying writes down what came of something that was under way.
func saying(t Target, do func(context.Context) (string, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		note, err := do(ctx)
		if err == nil {
			t.Saw(t.Now(), note)
		}
		return err
	}
}

// noted says which signal which processes were sent.
func noted(signal string, procs ...Process) (note string) {
	for i, p := range procs {
		if i > 0 {
			note += ", "
		}
		note += fmt.Sprintf("%s to %s (pid %d)", signal, p.Name, p.PID)
	}
	return note
}
