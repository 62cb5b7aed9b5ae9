package admin

import (
	"fmt"
	"log/slog"
	"strings"
)

// ParseLevel reads a level as an operator writes it. slog's own reader takes debug+3 as well.
func ParseLevel(text string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(text)); err != nil || LevelName(l) != strings.ToLower(text) {
		return 0, fmt.Errorf("level %q: use debug, info, warn or error", text)
	}
	return l, nil
}

// LevelName is how it is written.
func LevelName(l slog.Level) string { return strings.ToLower(l.String()) }
