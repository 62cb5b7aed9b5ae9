// Package fault makes a data plane fail on purpose, inside the executable that is
// shipped: what a drill measures must be what users run.
//
//	strike, err := fault.Order{Name: "spin", For: 3 * time.Second}.Strike()
//	strike()
//
// Nothing here happens by itself. A cell obeys an order only from a keeper that was
// started with --allow-faults and said so in its hello; a sidecar only when its
// configuration names a file for orders.
package fault

import (
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Order is one fault to strike. What it takes is given back after For.
type Order struct {
	Name string        `json:"name"`
	For  time.Duration `json:"for"`
	// Workload is whose data path it is that fails, where the fault strikes less than
	// the process. Who passes the order on says it.
	Workload string `json:"workload,omitempty"`
}

// Exit is the fault that strikes every process of a cell while its order stands:
// a crash loop.
const Exit = "exit"

var strikes = map[string]func(Order){
	"leak-memory": func(o Order) { go leakMemory(o.For) },
	"spin":        func(o Order) { spin(o.For) },
	"leak-fds":    func(o Order) { go leakFiles(o.For) },
	"half-dead":   func(o Order) { silence(o.For) },
	"panic":       func(o Order) { trip(o.Workload, o.For) },
	"poison":      func(o Order) { infect(o.For) },
	Exit:          func(Order) { os.Exit(exitCode) },
}

// exitCode tells a fault from a failure in logs.
const exitCode = 70

// longest bounds an order: a drill that died must not leave a fault for ever.
const longest = 5 * time.Minute

// Check says what is wrong with an order.
func (o Order) Check() error {
	if strikes[o.Name] == nil {
		return fmt.Errorf("fault %q is not known: use one of %s", o.Name, strings.Join(slices.Sorted(maps.Keys(strikes)), ", "))
	}
	if o.For < 0 || o.For > longest {
		return fmt.Errorf("fault %s for %v: from 0 to %v", o.Name, o.For, longest)
	}
	return nil
}

// Strike is the order as a function. Those that take time run on goroutines of their
// own, which end with the order or with the process.
func (o Order) Strike() (func(), error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	return func() { strikes[o.Name](o) }, nil
}

// leakStep is how often a leak takes what it owes.
const leakStep = 10 * time.Millisecond

// leakMemory takes memory at a steady rate, so that the process comes to its limit after
// d, and goes on for as long again: the kernel's limit is a little above that of the
// runtime. Then it gives back what it took. Without a memory limit it takes none: it
// would be the machine's.
func leakMemory(d time.Duration) {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 || d <= 0 {
		return
	}
	runtime.KeepAlive(leak(limit, d))
}

// leak takes twice the limit, in twice the time, and holds it.
func leak(limit int64, d time.Duration) (held [][]byte) {
	const chunk = 256 << 10
	step := time.NewTicker(leakStep)
	defer step.Stop()
	began := time.Now()
	for past := leakStep; ; past = min(time.Since(began), 2*d) {
		due := int64(float64(limit) * past.Seconds() / d.Seconds())
		for int64(len(held))*chunk < due {
			b := make([]byte, chunk)
			for i := 0; i < chunk; i += os.Getpagesize() {
				b[i] = 1
			}
			held = append(held, b)
		}
		if past == 2*d {
			return held
		}
		<-step.C
	}
}

// spin burns CPU on every P of the runtime.
func spin(d time.Duration) {
	until := time.Now().Add(d)
	for range runtime.GOMAXPROCS(0) {
		go burn(until)
	}
}

func burn(until time.Time) {
	for time.Now().Before(until) {
	}
}

// leakEvery is how soon a descriptor that somebody gave back is taken as well.
const leakEvery = time.Millisecond

// leakFiles takes every descriptor that can be had, for d: also those that others
// give back meanwhile, as a leak in a busy process does.
func leakFiles(d time.Duration) {
	var leaked []int
	defer func() {
		for _, fd := range leaked {
			unix.Close(fd)
		}
	}()
	over := time.NewTimer(d)
	defer over.Stop()
	again := time.NewTicker(leakEvery)
	defer again.Stop()
	for {
		fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
		if err == nil {
			leaked = append(leaked, fd)
			continue
		}
		select {
		case <-again.C:
		case <-over.C:
			return
		}
	}
}
