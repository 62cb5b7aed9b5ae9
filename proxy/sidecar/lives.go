package sidecar

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// lives is what outlives the process of a sidecar: how often it was started again. A cell has
// a keeper for that; a kubelet counts as well, and tells nobody in the pod. It is a small file
// beside the admin socket, in a volume of the pod.
type lives struct {
	Restarts int  `json:"restarts"` // starts after an end that nobody had ordered
	InARow   int  `json:"inARow"`   // of those, each soon after the one before
	Ended    bool `json:"ended"`    // by order

	before string // how the process before this one ended; empty: there was none
}

const died = "died" // how a process ended that nobody told to

// A sidecar that lived so long is in no crash loop any more; as a keeper has it with cells.
const (
	aliveLongEnough = time.Minute
	loopDeaths      = 3
)

// livesFile is where they are, beside a socket.
func livesFile(socket string) string { return socket + ".lives" }

// Began counts this start, before anything can end it.
func (s *Sidecar) Began(socket string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file = livesFile(socket)
	b, err := os.ReadFile(s.file)
	switch {
	case errors.Is(err, fs.ErrNotExist): // the first one
	case err != nil:
		return err
	case json.Unmarshal(b, &s.lives) != nil:
		s.lives = lives{} // of another version, or cut off: counts begin anew
	case s.lives.Ended:
		s.lives.Ended, s.lives.InARow, s.lives.before = false, 0, vitals.EndedByOrder
	default:
		s.lives.before = died
		s.lives.Restarts++
		s.lives.InARow++
	}
	return s.remember()
}

// Ended says that the end is one by order.
func (s *Sidecar) Ended() error { return s.change(func(l *lives) { l.Ended = true }) }

// settled ends a crash loop.
func (s *Sidecar) settled() { _ = s.change(func(l *lives) { l.InARow = 0 }) } // a count that is too high is all that comes of it

func (s *Sidecar) change(f func(*lives)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.lives)
	return s.remember()
}

// remember writes the file; the caller holds mu.
func (s *Sidecar) remember() error {
	if s.file == "" {
		return nil // nobody asks
	}
	b, err := json.Marshal(s.lives)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.file+".next", b, 0o600); err != nil {
		return fmt.Errorf("what outlives the sidecar: %w", err)
	}
	return os.Rename(s.file+".next", s.file)
}
