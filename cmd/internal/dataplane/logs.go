package dataplane

import (
	"io"
	"log/slog"
	"strings"

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

// NewLogs makes the logs of the cell of that name, which begins with its isolation.
func NewLogs(w io.Writer, c telemetry.LogConfig, name string) Logs {
	lines, level := telemetry.NewLines(w), new(slog.LevelVar)
	isolation, _, _ := strings.Cut(name, "/")
	attrs := []slog.Attr{slog.String("cell", name), slog.String("isolation", isolation)}
	return Logs{
		Level:  level,
		Log:    slog.New(c.Handler(lines, level).WithAttrs(attrs[:1])),
		Access: telemetry.NewAccess(w, c, attrs...),
		lines:  lines,
	}
}

// Close writes what is queued, for at most a second.
func (l Logs) Close() { l.lines.Close() }
