package keeper

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
)

const (
	// aliveLongEnough ends a crash loop: a cell that lived this long starts over with
	// the first restart delay.
	aliveLongEnough = time.Minute
	// loopDeaths in a row, each within aliveLongEnough of its start, are a crash loop.
	loopDeaths = 3
)

// deaths is what must outlive everything that dies: the cell's process, and the keeper.
// A keeper that began to count anew would start a looping cell at once, and again at
// each crash of its own.
type deaths struct {
	Restarts   int           `json:"restarts"` // deaths so far
	Row        int           `json:"row"`      // of them in a row, without a long life between
	Delay      time.Duration `json:"delay"`    // the last restart delay, 0 when none
	At         int64         `json:"at"`       // the last one, of CLOCK_MONOTONIC
	Generation int           `json:"generation"`
	OOMKills   int64         `json:"oomKills"`
}

// looping says whether the cell is in a crash loop.
func (c *keptCell) looping() bool {
	return c.deaths.Row >= loopDeaths && !(c.state == cellUp && time.Since(c.since) > aliveLongEnough)
}

// died counts a death and says how long the cell stays away.
func (k *Keeper) died(c *keptCell) time.Duration {
	d := &c.deaths
	if c.state == cellUp && time.Since(c.since) > aliveLongEnough {
		d.Delay, d.Row = 0, 0
	}
	d.Delay = nextDelay(d.Delay, k.config.Restart)
	d.Restarts++
	d.Row++
	d.At = monotonic()
	k.record(c)
	if d.Row == loopDeaths {
		k.log.Error("cell is crash-looping", "cell", c.group, "deaths", d.Row, "workloads", strings.Join(c.uids(), ", "), "hint", hint(c))
	}
	return d.Delay
}

// hint says what its owner can do about a loop.
func hint(c *keptCell) string {
	if len(c.pods) < 2 {
		return "the workload has its cell to itself: nobody else waits for it"
	}
	return "they share its fate; give one that is innocent, or the one that you suspect, a cell of its own: bulkhead move WORKLOAD --to workload"
}

// uids are the workloads that belong to the cell.
func (c *keptCell) uids() []string {
	names := []string{}
	for uid := range c.pods {
		names = append(names, uid)
	}
	slices.Sort(names)
	return names
}

// record leaves the cell's deaths with the anchor: as the label of a descriptor that
// stands for the cell, beside everything else that the next keeper finds. A file would
// outlive the anchor too, and then tell of cells that have long ended.
func (k *Keeper) record(c *keptCell) {
	c.deaths.Generation, c.deaths.OOMKills = c.generation, c.walls.oomKills
	b, err := json.Marshal(c.deaths)
	var nothing *os.File
	if err == nil {
		nothing, err = os.Open(os.DevNull)
	}
	if err == nil {
		err = k.holder.Hold(heldCell+c.group, b, nothing)
		nothing.Close()
	}
	if err != nil {
		k.log.Error("anchor", "record", c.group, "error", err)
	}
}

// adoptDeaths is record, read back by the next keeper.
func (k *Keeper) adoptDeaths(group string, h anchor.Held) error {
	c := newCell(group)
	if err := json.Unmarshal(h.Label, &c.deaths); err != nil {
		return err
	}
	c.generation, c.walls.oomKills = c.deaths.Generation, c.deaths.OOMKills
	k.cells[group] = c
	return nil
}

// resume goes on with the back-off in which the last keeper left the cell.
func (k *Keeper) resume(c *keptCell) {
	died := since(c.deaths.At)
	c.state, c.since = cellBackoff, died
	k.restartAt(c, time.Until(died.Add(c.deaths.Delay)))
}

// missed counts the death of a process that died while there was no keeper. Its cell
// has been started since, or was going to be.
func (k *Keeper) missed(e anchor.Event) {
	var l processLabel
	if json.Unmarshal(e.Label, &l) != nil || e.Status == 0 {
		return // it ended as it should
	}
	c := k.cells[l.Group]
	if c == nil || l.Generation <= c.deaths.Generation {
		return // gone, or counted by a keeper that died before it could say so
	}
	k.log.Error("cell died while there was no keeper", "cell", c.group, "generation", l.Generation, "status", statusText(e.Status))
	k.countOOMKills(c)
	if time.Since(since(l.Since)) > aliveLongEnough {
		c.deaths.Row, c.deaths.Delay = 0, 0
	}
	k.died(c)
}

// monotonic is CLOCK_MONOTONIC, which the next keeper shares.
func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail for this clock
	return t.Nano()
}

// since is a time of that clock as this process's.
func since(at int64) time.Time { return time.Now().Add(-time.Duration(monotonic() - at)) }
