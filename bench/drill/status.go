package drill

import "time"

// Phases of a drill on one subject, as Status.Phase has them. The phase of a fault
// has the fault's name.
const (
	PhasePlace    = "placing"
	PhaseSettle   = "settling"
	PhaseBaseline = "baseline"
	PhaseNull     = "null"
	PhaseRollback = "rolling back"
)

// Status is what a drill is doing at one moment.
type Status struct {
	Turn, Turns int           // subjects begun, in all
	Drill       string        // which of several; empty: there is one
	Left        time.Duration // until all of them are done, about; 0: nobody says
	Subject     string
	Phase       string
	Elapsed     time.Duration // since the phase began, or since the fault
	Hit         []string      // workloads that are hit now
	Note        string        // something that happened just now; empty for a mere moment
}

// Progress is shown what a drill does: at each change of phase, with each note, and
// several times a second between. It is called from one goroutine.
type Progress func(Status)
