package keeper

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// A cell whose pong waits for a keeper that is busy has answered: it is not killed.
func TestABusyKeeperMissesNoPong(t *testing.T) {
	k, _, log := newTalkingKeeper(t)
	k.config.Liveness.Misses = 3
	c := talk(t, k, "a/own")
	k.do(func() { k.processes["x"] = c.x; k.ping() })
	heard := make(chan error, 1)
	c.say(t, &cell.Message{Pong: &cell.Pong{N: 1}})
	k.do(func() { // as long as this takes, the loop hears nobody
		go func() { heard <- c.takeIn(c.x, c.o) }()
		for end := time.Now().Add(patience); !c.x.waiting.Load(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Error("its reader does not wait")
				return
			}
		}
		for range 3 * k.config.Liveness.Misses {
			k.ping()
		}
	})
	if err := <-heard; err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "it does not answer") {
		t.Error("killed: ", log)
	}
	k.do(func() {
		if c.x.pinged != 0 {
			t.Errorf("%d pings unanswered after the pong", c.x.pinged)
		}
		delete(k.processes, "x")
	})
}
