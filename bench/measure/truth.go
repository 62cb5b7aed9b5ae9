package measure

import (
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/proxy/triage"
)

// truths are what an operator should be told in each drill: any of these is right. Where
// telemetry cannot tell two causes apart, or a fault does one thing after another, there
// are several. A fault that is not here is not scored.
var truths = map[string][]triage.Finding{
	Crash:               {ofCell(triage.Crash)},
	"crash-loop":        {ofCell(triage.CrashLoop)},
	"hang":              {ofCell(triage.Hang)},
	"half-dead":         {ofCell(triage.HalfDead)},
	"slow":              {ofCell(triage.Starved)},
	"panic":             {ofCell(triage.Panic)},
	"poison":            {ofCell(triage.Crash), ofCell(triage.CrashLoop)}, // the poison ends every process that serves it
	"memory-leak":       {ofCell(triage.MemoryWall)},
	"cpu-hog":           {ofCell(triage.Starved)},
	"fd-leak":           {ofCell(triage.Descriptors)},
	"fd-flood":          {ofCell(triage.Descriptors), of(triage.KindWorkload, triage.OverBudget), of(triage.KindWorkload, triage.Descriptors)},
	"noisy-neighbour":   {ofCell(triage.Starved), of(triage.KindWorkload, triage.OverBudget), of(triage.KindWorkload, triage.Surge)},
	"noisy-bulk":        {ofCell(triage.Starved), of(triage.KindWorkload, triage.OverBudget), of(triage.KindWorkload, triage.Surge)},
	"noisy-connections": {ofCell(triage.Starved), of(triage.KindWorkload, triage.OverBudget), of(triage.KindWorkload, triage.Surge)},
	"noisy-handshakes":  {ofCell(triage.Starved), of(triage.KindWorkload, triage.OverBudget), of(triage.KindWorkload, triage.Surge)},
	"slow-reader":       {ofCell(triage.Starved), of(triage.KindWorkload, triage.OverBudget), of(triage.KindWorkload, triage.Surge)},
	"log-stall":         {of(triage.KindLog, triage.Stuck)},
	"backlog":           {ofCell(triage.Hang), ofCell(triage.HalfDead)}, // it stands still until its door is full
	"app-hog":           {of(triage.KindApplication, triage.NotServing), of(triage.KindApplication, triage.Starved)},
	"app-hog-limited":   {of(triage.KindApplication, triage.NotServing), of(triage.KindApplication, triage.Starved)},
	"app-oom":           {of(triage.KindApplication, triage.Gone)},
	"app-oom-pod":       {of(triage.KindApplication, triage.Gone), ofCell(triage.MemoryWall), ofCell(triage.Crash)}, // the kernel may take the sidecar
	"keeper-crash":      {of(triage.KindKeeper, triage.Crash)},
	"anchor-crash":      {of(triage.KindNode, triage.Restarted)},
	"node-restart":      {of(triage.KindNode, triage.Restarted)},
	"replace":           {ofCell(triage.Replaced)},
	"partition":         {of(triage.KindLink, triage.Unreachable)},
	"latency":           {of(triage.KindLink, triage.Slow)},
	"loss":              {of(triage.KindLink, triage.Lossy)},
	"mtu":               {of(triage.KindLink, triage.Lossy), of(triage.KindLink, triage.Unreachable)},
	"flap":              {of(triage.KindLink, triage.Unreachable), of(triage.KindLink, triage.Lossy)},
	"bad-push":          {of(triage.KindControl, triage.Rejected)},
	"policy-flip":       {of(triage.KindPolicy, triage.Denied)},
	"rules-flushed":     {of(triage.KindCapture, triage.RulesGone)},
	"deny-all":          {of(triage.KindPolicy, triage.Denied)},
	"control-down":      {of(triage.KindControl, triage.Stale), of(triage.KindCA, triage.Silent)},
	"control-slow":      {of(triage.KindControl, triage.Slow)},
	"control-stale":     {of(triage.KindControl, triage.Stale)},
	"control-partial":   {of(triage.KindControl, triage.Stale)}, // until every proxy has gone on to the other replica
	"type-rejected":     {of(triage.KindControl, triage.Rejected)},
	"ca-down":           {of(triage.KindCA, triage.Silent)},
	"svid-expiry":       {of(triage.KindCA, triage.Silent), of(triage.KindControl, triage.Stale), ofCell(triage.Expired)},
	"clock-jump":        {of(triage.KindCA, triage.Silent)}, // what it signs is of no use
}

// operations are drills in which nothing of the mesh is wrong, and what may be said of them all the same.
// Whatever else is said is a false alarm.
var operations = map[string][]triage.Finding{
	"big-push":       {},
	"drain":          {},
	"endpoints-gone": {}, // as the mesh has it the service is empty; nobody's path fails
	"regroup":        {ofCell(triage.Replaced)},
	"rollback":       {ofCell(triage.Replaced)},
	"root-rotation":  {},
	"spoof":          {of(triage.KindPolicy, triage.Denied)}, // liars are refused, and that may be said
	"upgrade":        {ofCell(triage.Replaced), of(triage.KindKeeper, triage.Replaced)},
}

// IsOperation says whether a drill is an operation in which nothing of the mesh is wrong.
func IsOperation(drill string) bool {
	_, is := operations[drill]
	return is && truths[drill] == nil
}

func ofCell(c triage.Class) triage.Finding { return of(triage.KindCell, c) }

func of(k triage.Kind, c triage.Class) triage.Finding {
	return triage.Finding{Path: triage.Path{Kind: k}, Class: c}
}

// right says whether a finding names what the drill did: the kind of path and the class,
// and the path itself: the one that leads to the culprit.
func (r *Run) right(f triage.Finding) bool {
	isOf := func(t triage.Finding) bool { return t.Path.Kind == f.Path.Kind && t.Class == f.Class }
	if IsOperation(r.Drill) {
		return slices.ContainsFunc(operations[r.Drill], isOf) // of whatever it is
	}
	return slices.ContainsFunc(truths[r.Drill], isOf) && r.leads(f)
}

// forbids says whether a workload's policies can forbid a flow of the culprit's: they are those of its server.
func (r *Run) forbids(server string) bool {
	return server == r.Culprit || slices.ContainsFunc(r.Flows, func(f Flow) bool { return f.Client == r.Culprit && f.Server == server })
}

// leads says whether the finding's path is the culprit's.
func (r *Run) leads(f triage.Finding) bool {
	node := r.workload(r.Culprit).Node
	switch f.Path.Kind {
	case triage.KindCell:
		if r.Drill == "replace" {
			return slices.ContainsFunc(r.Nodes, func(n string) bool { return strings.HasPrefix(f.Path.Name, n+" ") }) // of all cells of all nodes
		}
		alone := strings.HasSuffix(f.Path.Name, "/"+r.Culprit) // its sidecar, or its cell for it alone
		return alone || strings.HasPrefix(f.Path.Name, node+" ") && slices.Contains(f.Victims, r.Culprit)
	case triage.KindPolicy:
		return r.Drill == "deny-all" || slices.ContainsFunc(strings.Split(strings.TrimPrefix(f.Path.Name, "of "), ", "), r.forbids) // everybody is denied, or the culprit
	case triage.KindControl, triage.KindCA:
		return slices.ContainsFunc(strings.Split(strings.TrimPrefix(f.Path.Name, "of "), ", "), func(who string) bool {
			return slices.Contains(r.Nodes, who) || strings.HasSuffix(who, r.Culprit) // there is one control, and some who notice
		})
	case triage.KindKeeper:
		return slices.Contains(r.Nodes, f.Path.Name) // keeper-crash is of all nodes
	case triage.KindLink:
		return slices.Contains(strings.Split(f.Path.Name, " - "), node)
	}
	own := strings.HasSuffix(f.Path.Name, "/"+r.Culprit)
	return own || f.Path.Name == node || f.Path.Name == r.Culprit || strings.HasPrefix(f.Path.Name, node+" ")
}
