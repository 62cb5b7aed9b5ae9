package web

import (
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// method is how far the numbers of one record can be trusted.
type method struct{ Drill, Late, Noise, Void, Restart, ID string }

func newMethod(d *report.Document) method {
	n, v := d.Result.Noise, d.Result.Void
	m := method{
		Drill: d.Title(), ID: d.Run.ID,
		Late:    fmt.Sprintf("%s (largest baseline p99 %s)", ms(d.Result.Late), ms(d.Result.P99)),
		Noise:   fmt.Sprintf("%s in %s; at most %s hit by lateness in one", count(n.Errors, "error"), count(n.Nulls, "null segment"), count(n.LateHits, "flow")),
		Void:    fmt.Sprintf("%d of %d (%.1f %%)", v.Bins, v.Total, 100*v.Share()),
		Restart: d.Run.Restart.Mode,
	}
	if d.Run.Restart.TimeScale != 1 {
		m.Restart += fmt.Sprintf(", time × %g", d.Run.Restart.TimeScale)
	}
	return m
}

// term is a word and what it means on the page.
type term struct{ Word, Means string }

// words are the definitions; docs/record.md has them in full.
var words = []term{
	{"flow", "One client's stream of requests to one server, either with a new connection for each request or over one reused connection. Send times are planned, however slow the answers are."},
	{"culprit", "The workload whose data plane is struck."},
	{"bystander flow", "A flow with neither end at the culprit. A workload is a hit bystander only as an end of a hit bystander flow."},
	{"bin", fmt.Sprintf("%s of planned time, counted from the fault.", ms(measure.Bin))},
	{"late", fmt.Sprintf("Answered more than L after the planned send. L is the larger of %s and %d × the largest p99 of all baselines of the run.", ms(measure.LateFloor), measure.LateFactor)},
	{"hit", "A flow with a failed request, a broken connection, or two late bins in a row, after the fault."},
	{"down", "A flow of which fewer than half of the requests in some second after the fault succeeded."},
	{"error-seconds", "0.1 s for each bad bin after the fault, summed over flows: of the culprit's and of bystanders'."},
	{"recovered", "The end of the last bad bin, if nothing was bad for a while after it."},
	{"contained", "No bystander flow was hit, in any repeat."},
	{"null", "All of a drill but the fault. What it shows is the noise floor."},
	{"undone", "The segment after a fault was taken back, on the same processes and connections. It must be as clean as a null."},
	{"void bin", "One in which a sentinel, a flow that no data plane captures, was late or failed: the machine stalled. It is judged for nobody. More than 2 % make a run invalid."},
	{"predicted", "Derived from graph and placement before the fault strikes: flows that must be hit, and flows that may be."},
	{"CPUs full", fmt.Sprintf("All CPUs of the machine together were busy for %.0f %% or more of half a second. The nodes of a lab and its load share them, which real nodes do not: want of CPU explains what was late then as well as a shared process does.", 100*measure.Full)},
	{"commands", "Of triage: what an operator types until the right thing is named. One is triage itself; each wrong finding that was said before it adds the one that it proposes."},
	{"denied flow", "Forbidden by a policy and tried all the same, throughout. An answer is a finding."},
}
