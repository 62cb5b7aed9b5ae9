package web

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// command repeats a run: what it was told is in its record.
func command(r *measure.Run) string {
	var isolations []string
	for _, s := range r.Subjects {
		if !slices.Contains(isolations, s.Isolation) {
			isolations = append(isolations, s.Isolation)
		}
	}
	var transports []string
	for _, s := range r.Subjects {
		if t := cmp.Or(s.Transport, "http2"); s.Isolation != "none" && !slices.Contains(transports, t) {
			transports = append(transports, t)
		}
	}
	repeats := 0
	for _, s := range r.Segments {
		repeats = max(repeats, s.Repeat+1)
	}
	words := []string{"bulkhead drill run", quoted(r.Drill), "--isolation", quoted(strings.Join(isolations, ",")), "--culprit", quoted(r.Culprit),
		"--seed", strconv.FormatInt(r.Seed, 10), "--restart", quoted(r.Restart.Mode),
		"--time-scale", strconv.FormatFloat(r.Restart.TimeScale, 'g', -1, 64), "--repeat", strconv.Itoa(max(1, repeats))}
	if !slices.Equal(transports, []string{"http2"}) && len(transports) > 0 {
		words = append(words, "--transport", quoted(strings.Join(transports, ",")))
	}
	return strings.Join(append(words, loads(r)...), " ")
}

// usual is the period of a flow unless the load was chosen.
const usual = int64(50 * time.Millisecond)

// loads are the flags of a load that was chosen.
func loads(r *measure.Run) (words []string) {
	long, fresh, period := 0, 0, usual
	chosen := false
	for _, f := range r.Flows {
		switch {
		case f.Sentinel || f.Denied:
		case f.Kind == load.Reused:
			long++
			chosen = chosen || f.Period > int64(measure.Bin)
		default:
			fresh++
			period = f.Period
		}
	}
	if chosen {
		words = append(words, "--long", strconv.Itoa(long))
	}
	if period != usual && fresh > 0 {
		words = append(words, "--new", strconv.FormatInt((int64(fresh)*int64(time.Second)+period/2)/period, 10))
	}
	return words
}

// quoted makes a name from a record one word of a shell.
func quoted(name string) string {
	for _, r := range name {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:@", r) {
			return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
		}
	}
	return name
}

// machine is where a run was.
func machine(h measure.Host) string {
	who := "in a user namespace, without root: no uids and no cgroups of its own"
	if h.Privileged {
		who = "as root"
	}
	return fmt.Sprintf("%s, kernel %s, %s", count(h.CPUs, "CPU"), h.Kernel, who)
}
