package fault

// Groups of the catalogue, in the order in which it is listed.
const (
	Processes    = "process"
	Resources    = "resources"
	Applications = "application"
	Network      = "network"
	Capture      = "capture"
	Security     = "security"
	Control      = "control" // control plane, CA, policy, drain, rollback
)

// Groups is every group, in the order in which the catalogue lists them.
var Groups = []string{Processes, Resources, Applications, Network, Capture, Security, Control}

// About is what the catalogue says of a fault. Everything but Source is a sentence or
// more for people.
type About struct {
	Group    string // one of Groups
	Does     string // what it does, in a few words: the line of `drill list`
	Incident string // what happened to whom
	Source   string // the address where that is told; empty: nobody wrote it down where one can read it
	Expect   string // what the isolations should show
	Look     string // what to look for in the report
}
