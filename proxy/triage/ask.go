package triage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// Asker asks admin sockets. It keeps nothing but their paths.
type Asker struct {
	sockets []string
	timeout time.Duration
}

// answerTimeout is what a socket on the same machine has: a keeper that takes longer does
// not answer, and the others must not wait for it.
const answerTimeout = 2 * time.Second

// NewAsker asks some sockets, by path.
func NewAsker(sockets ...string) *Asker { return &Asker{sockets: sockets, timeout: answerTimeout} }

// Ask asks all of them at the same time, and waits for the slowest.
func (a *Asker) Ask(ctx context.Context) Observation {
	o := Observation{At: time.Now(), Sources: make([]Source, len(a.sockets))}
	var asking sync.WaitGroup
	for i, socket := range a.sockets {
		asking.Go(func() { o.Sources[i] = a.ask(ctx, socket) })
	}
	asking.Wait()
	return o
}

// ask has one answer after another: they are a keeper's, on one loop. None of them has the
// keeper wait for a cell: one that hangs would make its keeper look silent.
func (a *Asker) ask(ctx context.Context, socket string) Source {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	s := Source{Socket: socket}
	c := admin.New(socket)
	var text admin.Text
	for _, ask := range []struct {
		path string
		into any
	}{{"/cells", &s.Cells}, {"/pods", &s.Pods}, {"/vitals", &s.Vitals}, {"/metrics", &text}, {"/who?peers=no", &s.Who}} {
		if err := c.Call(ctx, "GET", ask.path, nil, ask.into); err != nil {
			return Source{Socket: socket, Problem: fmt.Sprintf("%s: %v", ask.path, err)}
		}
	}
	s.Metrics = series(string(text))
	var refused *admin.RefusedError
	if err := c.Call(ctx, "GET", "/ready", nil, nil); errors.As(err, &refused) {
		s.Ready = refused.Sentence
	}
	return s
}

// series reads the text of /metrics. Histograms' buckets are left out: no rule reads them,
// and they are most of the text.
func series(text string) map[string]float64 {
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' || strings.Contains(line[:at], "_bucket{") {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			all[line[:at]] = v
		}
	}
	return all
}

// Encode is the observation as one line.
func (o Observation) Encode() ([]byte, error) {
	b, err := json.Marshal(o)
	return append(b, '\n'), err
}
