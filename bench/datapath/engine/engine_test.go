package engine

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

// serve runs a server on free ports; the test fails when it warns.
func serve(t *testing.T, n int) []netip.AddrPort {
	t.Helper()
	var at []netip.AddrPort
	for range n {
		at = append(at, freePort(t))
	}
	ctx, cancel := context.WithCancel(context.Background())
	listening, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- Serve(ctx, at, func() { close(listening) }, func(err error) { t.Errorf("server: %v", err) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	select {
	case <-listening:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return at
}

func run(t *testing.T, j Job) Result {
	t.Helper()
	begun := 0
	r, err := Run(t.Context(), j, func() error { begun++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if want := max(1, len(j.Stages)); begun != want {
		t.Errorf("begin was called %d times, want %d", begun, want)
	}
	return r
}

const moment = 50 * time.Millisecond

func TestModes(t *testing.T) {
	to := serve(t, 3)
	for name, j := range map[string]Job{
		"one upload":                    {Mode: Up, Connections: 1},
		"uploads":                       {Mode: Up, Connections: 5},
		"small requests":                {Mode: RR, Connections: 16, Size: 64},
		"requests larger than a buffer": {Mode: RR, Connections: 4, Size: 16 << 20},
		"the smallest request":          {Mode: RR, Connections: 2, Size: 16},
		"a plan":                        {Mode: RR, Connections: 3, Size: 64, Rate: 500},
		"a connection each":             {Mode: CRR, Connections: 8, Size: 64},
		"idle connections":              {Mode: Idle, Connections: 300, Size: 64, Stages: []int{10, 200, 300}},
	} {
		t.Run(name, func(t *testing.T) {
			j.To = to
			if j.Mode != Idle {
				j.For = moment
			}
			r := run(t, j)
			switch j.Mode {
			case Up:
				if r.Bytes <= 0 || r.Took < moment/2 {
					t.Errorf("%+v: no bytes, or no time", r)
				}
			case RR, CRR:
				if r.Requests <= 0 || r.P50 <= 0 || r.P99 < r.P50 || r.Took <= 0 {
					t.Errorf("%+v", r)
				}
			}
			if want := int(j.Rate * moment.Seconds()); j.Rate > 0 && r.Requests != want {
				t.Errorf("%d requests were answered, and %d planned", r.Requests, want)
			}
		})
	}
}
