package fault

import (
	"context"
	"fmt"
	"time"
)

// MemoryLeak has the data plane take memory at a steady rate, so fast that its limit is
// reached when its time is over, whatever that limit is; the kernel ends it there.
var MemoryLeak = memoryLeak{hook{name: "memory-leak", order: "leak-memory", lasts: 3 * time.Second, says: "it takes memory until the kernel ends it", effect: Ends, about: About{
	Group: Resources, Does: "leaks memory inside the data plane until the kernel kills it at its limit",
	Incident: "ztunnel's memory grows until the kernel kills it at its limit: 760 MiB where a restart needs 59.",
	Source:   "https://github.com/istio/ztunnel/issues/2044",
	Expect:   "As a crash: whoever shares the process is hit; and before that, as the collector works ever harder, late.",
	Look:     "The memory limit is a wall of the cell: nobody else may be killed in its place.",
}}}

type memoryLeak struct{ hook }

// For is part of Timed: the limit is reached after d.
func (f memoryLeak) For(d time.Duration) Fault { f.lasts = d; return f }

// Inject is part of Fault. Without a limit it does not strike: what it took would be the
// machine's, and the kernel would choose whom to kill.
func (f memoryLeak) Inject(ctx context.Context, t Target) (Injected, error) {
	limit, err := t.MemoryLimit()
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.name, err)
	}
	if limit == 0 {
		if serving, err := t.Serving(); err == nil && len(serving) > 0 {
			return Injected{}, &NotEnforceableError{"no cgroup limits the memory of what serves " + t.Culprit}
		}
	}
	done, err := f.hook.Inject(ctx, t)
	done.Note += fmt.Sprintf(", to a limit of %d MiB", limit>>20)
	return done, err
}
