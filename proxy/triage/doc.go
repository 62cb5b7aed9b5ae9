// Package triage names what is wrong, from telemetry alone: observations in, findings out.
//
// # Usage
//
//	w := triage.NewWatch(triage.Sockets("/run/bulkhead/admin.sock", …)...)
//	w.Look(ctx)                 // asks every socket once
//	findings := w.Look(ctx)     // twice is enough, some seconds apart
//
// or, of observations that somebody recorded:
//
//	findings := triage.Diagnose(window)
//
// An [Observation] is what the admin sockets of some nodes and sidecars said at one time:
// /cells, /pods, /vitals, /metrics, /who, /ready. [Diagnose] is pure: no clock, no socket; its
// window is a few observations, oldest first, and what it says is about the time that they
// cover. It knows nothing of a lab: node and pod are told by their sockets, and an address
// belongs to a pod when a socket says so.
//
// A [Finding] has a path (which cell, node, link, application, …), a class, the workloads
// that suffer, the evidence in numbers, and the next command to type.
//
// # Rules
//
// One rule is one function in a file about what it looks at: cells.go (crash, loop, hang,
// walls), shortage.go (CPU, descriptors, budgets), filling.go (what is about to run out), links.go (between
// nodes), nodes.go (keeper, node), sidecar.go (its ends), pods.go (doors, applications, capture), policy.go,
// control.go (CA, control). A rule claims only what its numbers show: causes that it
// cannot tell apart are one class. What another finding explains is not said twice (causes.go).
//
// No rule may speak in an undisturbed mesh. Thresholds are constants beside their rule,
// each with the reason for its number; docs/triage.md has how often they were right.
package triage
