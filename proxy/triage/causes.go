package triage

import (
	"slices"
	"strings"
)

// causes leaves out what another finding explains, and puts the most urgent first.
func causes(all []Finding) []Finding {
	arrange(all)
	return slices.DeleteFunc(slices.Clone(all), func(f Finding) bool {
		return slices.ContainsFunc(all, func(cause Finding) bool { return explains(cause, f) })
	})
}

// explains says whether what happened to one path makes the other finding nothing of its own.
func explains(cause, f Finding) bool {
	if cause.is(f) {
		return false
	}
	switch {
	case f.Path == cause.Path && f.Class == HalfDead: // it serves nothing new for a reason that is known
		return cause.Class == Descriptors || cause.Class == Hang || cause.Class == Starved || cause.Class == MemoryWall
	case cause.Path.Kind == KindWorkload && cause.Class == Descriptors && f.Class == HalfDead:
		return slices.Contains(f.Victims, cause.Path.Name)
	case f.Path == cause.Path && f.Class == Surge:
		return cause.Class == OverBudget
	}
	if f.Class == Unenforced { // what is tried through a cell that is not well fails
		return cause.Path.Kind == KindCell && strings.HasPrefix(cause.Path.Name, f.Path.Name+" ") && cause.Class != Replaced
	}
	switch cause.Class {
	case Crash, CrashLoop, MemoryWall, Hang, HalfDead, Descriptors, Restarted, Starved:
		// Connections pile up and round trips grow where those who answer are not there.
		return cause.Path.Kind != KindKeeper && f.Path != cause.Path && subset(f.Victims, cause.Victims) &&
			(f.Path.Kind == KindLink && f.Class != Unreachable || f.Class == NotServing || f.Class == HalfDead && cause.Class != HalfDead || f.Class == Gone && cause.Class == Restarted)
	case Unreachable:
		return f.Path.Kind == KindLink || f.Class == HalfDead && subset(f.Victims, cause.Victims)
	}
	return false
}

func subset(of, all []string) bool {
	return !slices.ContainsFunc(of, func(s string) bool { return !slices.Contains(all, s) })
}
