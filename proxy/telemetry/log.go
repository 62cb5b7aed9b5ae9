package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"math"
)

// LogConfig is how a process logs, as it stands in the files of a node and a sidecar.
type LogConfig struct {
	Format Format `json:"format,omitempty"` // default json
	Access Which  `json:"access,omitempty"` // default all
}

// Format is what lines look like.
type Format string

const (
	JSON Format = "json"
	Text Format = "text" // key=value
)

// Which says of which connections there are access lines.
type Which string

const (
	None   Which = "none"
	Errors Which = "errors" // of those that failed
	All    Which = "all"    // of every one, when it ends
	Opened Which = "opened" // and when it begins to carry bytes
)

// Validate says what is wrong, and what would be right.
func (c LogConfig) Validate() error {
	switch c.Format {
	case "", JSON, Text:
	default:
		return fmt.Errorf("log.format %q: use json or text", c.Format)
	}
	switch c.Access {
	case "", None, Errors, All, Opened:
		return nil
	}
	return fmt.Errorf("log.access %q: use none, errors, all or opened", c.Access)
}

// Handler writes lines to w from a level on.
func (c LogConfig) Handler(w io.Writer, from slog.Leveler) slog.Handler {
	o := &slog.HandlerOptions{Level: from}
	if c.Format == Text {
		return slog.NewTextHandler(w, o)
	}
	return slog.NewJSONHandler(w, o)
}

// accessLevel is from which level on access lines are wanted: each kind has one.
func (c LogConfig) accessLevel() slog.Level {
	switch c.Access {
	case None:
		return math.MaxInt
	case Errors:
		return slog.LevelError
	case Opened:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
