package dataplane

import (
	"io"
	"log/slog"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Logs are what a cell says, all of it to one place that somebody may stop reading: a
// container runtime whose disk is full, say. The pipe fills then, and who writes to it
// waits. So nobody but two writers does, each behind a queue that drops and counts.
//
// It is two because access lines are queued as records, and become text only when the
// pipe takes them; and each knows how much of its own was lost.
type Logs struct {
	Log    *slog.Logger
	Level  *slog.LevelVar // of Log
	Access slog.Handler   // only for a telemetry.Sink
	lines  *telemetry.Lines
}

// NewLogs makes the logs of the cell of that name.
func NewLogs(w io.Writer, name string) Logs {
	lines := telemetry.NewLines(w)
	cell, level := slog.String("cell", name), new(slog.LevelVar)
	return Logs{
		Level:  level,
		Log:    slog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: level}).WithAttrs([]slog.Attr{cell})),
		Access: telemetry.NewAccess(w, cell),
		lines:  lines,
	}
}

// Close writes what is queued, for at most a second.
func (l Logs) Close() { l.lines.Close() }
