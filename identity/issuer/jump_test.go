package issuer

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// set is a time after which somebody set the wall clock by so much: its monotonic part stays. Only a machine whose clock
// is set makes such times, and no process may do that to the others of a machine; so this reaches into the layout of
// time.Time, of which since Go 1.9 the first word has the seconds of the wall clock above 30 bits of nanoseconds.
func set(t time.Time, seconds int) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(int64(seconds)) << 30
	return t
}

// A clock that was set while an issuer waited is noticed, in both directions; a step of NTP is not worth a word.
func TestAClockThatWasSetIsNoticed(t *testing.T) {
	for seconds, said := range map[int]bool{3600: true, -3600: true, 2: false, -2: false, 0: false} {
		var log bytes.Buffer
		last := time.Now()
		i := New(identity.ID{}, nil, Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return set(last.Add(time.Second), seconds) }})
		by := time.Duration(seconds) * time.Second
		if now := i.noticeJump(last); jump(last, now) != by {
			t.Errorf("set by %s: a jump by %s", by, jump(last, now))
		}
		want := "reason=clock-jump identity=\"\" by=" + by.String()
		if got := strings.Contains(log.String(), want); got != said {
			t.Errorf("set by %s: %q", by, log.String())
		}
	}
}

// Those who got theirs together do not come back together.
func TestRotationsAreSpread(t *testing.T) {
	now := time.Now()
	s := &identity.SVID{NotBefore: now, NotAfter: now.Add(time.Hour)}
	at := func(jitter float64) time.Duration {
		return New(identity.ID{}, nil, Options{Jitter: func() float64 { return jitter }}).halfLife(s).Sub(now).Round(time.Millisecond)
	}
	first, last := at(0), at(1)
	if half := 30 * time.Minute; first >= half || last <= half || last-first != time.Duration(2*rotateSpread*float64(time.Hour)) {
		t.Errorf("from %s to %s", first, last)
	}
}

// A clock that was set shows as the difference of the two clocks in a time.Time; one without a monotonic part never jumps.
func TestJump(t *testing.T) {
	now := time.Now()
	for _, d := range []time.Duration{0, time.Second, -time.Second, time.Hour} {
		if by := jump(now, now.Add(d)); by != 0 { // Add moves both clocks
			t.Errorf("%s later: a jump by %s", d, by)
		}
	}
	if by := jump(now.Round(0), now.Add(time.Hour)); by != 0 {
		t.Errorf("without a monotonic clock: a jump by %s", by)
	}
}
