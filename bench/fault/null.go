package fault

import "context"

// Null does nothing: a drill with it shows what a drill finds where nothing is
// wrong, its noise floor.
type Null struct{}

// Name is part of Fault.
func (Null) Name() string { return "null" }

// Effect is part of Fault.
func (Null) Effect() Effect { return Spares }

// About is part of Fault.
func (Null) About() About {
	return About{
		Group: Processes, Does: "does nothing",
		Incident: "Without a control run nobody knows what a measurement shows where nothing is wrong.",
		Expect:   "No error, in any isolation.",
		Look:     "The noise floor.",
	}
}

// Describe is part of Fault.
func (Null) Describe(Target) string { return "nothing at all" }

// Inject is part of Fault.
func (Null) Inject(_ context.Context, t Target) (Injected, error) {
	return Injected{At: t.Now(), Note: "nothing", Undo: nothing}, nil
}
