package fault

import "time"

// CrashLoop ends the data plane, and each that is started in its place, as a bad
// configuration or a poisoned cache would.
var CrashLoop = hook{name: "crash-loop", order: "exit", lasts: 2500 * time.Millisecond, says: "it exits at every start", effect: Ends}
