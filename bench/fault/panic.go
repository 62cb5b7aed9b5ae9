package fault

import "time"

// Panic has the next connection of the culprit reach a bug in its own goroutine.
var Panic = hook{name: "panic", order: "panic", lasts: time.Second, says: "one connection reaches a bug that is recovered", effect: TakesOne, about: About{
	Group: Processes, Does: "has one connection of the culprit reach a bug that its goroutine recovers",
	Incident: "A proxy that serves one goroutine or task per connection has bugs that only one of them meets; whether it stays one is decided by who recovers.",
	Expect:   "One connection of the culprit is reset, and nothing else happens, in every isolation.",
	Look:     "That at most one request failed, and that it was reset rather than left waiting.",
}}
