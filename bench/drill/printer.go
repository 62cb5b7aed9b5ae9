package drill

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	redraw   = 100 * time.Millisecond // of the live line
	hitLines = 500 * time.Millisecond // between two plain lines about who is hit
	minWidth = 40
)

// Printer shows a drill's progress: on a terminal as one live line under the lines
// of what happened, elsewhere as plain lines only. Its methods may be called from
// any goroutine.
type Printer struct {
	w     io.Writer
	live  bool
	width func() int
	began time.Time

	mu    sync.Mutex
	last  Status
	drawn time.Time // when the live line or a line about hits was written
	hit   string    // who was hit in the latest plain line
}

// NewPrinter writes to w; live says that w is a terminal, whose width may change.
func NewPrinter(w io.Writer, live bool, width func() int) *Printer {
	return &Printer{w: w, live: live, width: width, began: time.Now()}
}

// Line writes a line about something else, such as what the lab sets up.
func (p *Printer) Line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line(text)
}

// Update is a Progress.
func (p *Printer) Update(s Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	entered := s.Phase != p.last.Phase || s.Turn != p.last.Turn
	p.last = s
	switch {
	case s.Note != "":
		p.line(fmt.Sprintf("%s: %s: %s", title(s), s.Phase, s.Note))
	case p.live && (entered || time.Since(p.drawn) >= redraw):
		p.draw(s)
	case !p.live && entered:
		p.hit = ""
		p.line(fmt.Sprintf("%s: %s", title(s), s.Phase))
	case !p.live && time.Since(p.drawn) >= hitLines:
		p.sayHit(s)
	}
}

// Close removes the live line.
func (p *Printer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// line writes one line that stays.
func (p *Printer) line(text string) {
	p.clear()
	fmt.Fprintf(p.w, "%5.1f s  %s\n", time.Since(p.began).Seconds(), text)
}

// sayHit writes who is hit where that has changed; while a load settles everybody
// waits for something, which says nothing.
func (p *Printer) sayHit(s Status) {
	names := strings.Join(s.Hit, ", ")
	if names == p.hit || s.Phase == PhaseSettle {
		return
	}
	p.hit, p.drawn = names, time.Now()
	p.line(fmt.Sprintf("%s: %s: %+.1f s: %s", title(s), s.Phase, s.Elapsed.Seconds(), hitNow(s)))
}

func (p *Printer) draw(s Status) {
	text := fmt.Sprintf("%5.1f s  %s: %s %.1f s", time.Since(p.began).Seconds(), title(s), s.Phase, s.Elapsed.Seconds())
	if s.Phase != PhasePlace && s.Phase != PhaseSettle && s.Phase != PhaseRollback {
		text += ", " + hitNow(s)
	}
	// One column stays free: a terminal wraps after a full line, and then \r is too late.
	if room := max(p.width(), minWidth) - 1; len(text) > room {
		text = text[:room-3] + "..."
	}
	p.drawn = time.Now()
	fmt.Fprint(p.w, "\r\x1b[K", text)
}

func (p *Printer) clear() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// title is the subject and how far the drill has come; of several drills, also which and
// how long all of them still take.
func title(s Status) string {
	text := fmt.Sprintf("[%d/%d] ", s.Turn, s.Turns)
	if s.Left > 0 {
		text = fmt.Sprintf("[%d/%d, %s left] ", s.Turn, s.Turns, roughly(s.Left))
	}
	if s.Drill != "" {
		text += s.Drill + ": "
	}
	return text + s.Subject
}

// roughly is in minutes, or in seconds when it is less than two of them.
func roughly(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

func hitNow(s Status) string {
	switch len(s.Hit) {
	case 0:
		return "nobody is hit"
	case 1:
		return "1 workload is hit: " + s.Hit[0]
	}
	return fmt.Sprintf("%d workloads are hit: %s", len(s.Hit), strings.Join(s.Hit, ", "))
}
