package cell

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// book is what this process counts for one workload, from when it first serves it to
// the end of the last connection: also of one that was dropped and is served again while
// the connections of before drain. The loop owns it, except for the counters.
type book struct {
	counters telemetry.Counters
	known    bool // this keeper has been told; told and view are what
	told     telemetry.Counts
	view     string
}

// countersOf finds or begins the counters of a workload.
func (s *cell) countersOf(uid string) *telemetry.Counters {
	b := s.books[uid]
	if b == nil {
		b = &book{}
		s.books[uid] = b
	}
	return &b.counters
}

// A packet holds channel.MaxPacket bytes. What does not fit is told with the next ping: it
// is cumulative, so it is late and not lost. The order is that of a map, so that it is not
// always the same workloads who wait.
const (
	reportRoom = channel.MaxPacket * 3 / 4
	countsSize = 1 << 10 // of one workload's counts and view, at most
	tallySize  = 1 << 9  // of one series, without the words of its key
	svidSize   = 1 << 6  // of the end of one SVID, without its identity
)

// report collects what there is to tell.
type report struct {
	pong *Pong // nil: nothing yet
	room int
}

// take says whether there is room for n bytes, and takes it.
func (r *report) take(n int) bool {
	if r.room < n {
		return false
	}
	r.room -= n
	if r.pong == nil {
		r.pong = &Pong{Counts: map[string]telemetry.Counts{}, Views: map[string]string{}, Series: map[string][]telemetry.Tally{}, SVIDs: map[identity.ID]time.Time{}}
	}
	return true
}

// news is what there is to tell, or nil when that is what was told last.
func (s *cell) news() *Pong {
	r := report{room: reportRoom}
	for uid, v := range s.served {
		s.tell(&r, uid, v)
	}
	for v := range s.leaving {
		select {
		case <-v.ended:
			s.forget(v)
		default:
			if s.served[v.uid] == nil {
				s.tell(&r, v.uid, v)
			}
		}
	}
	for id, i := range s.issuers {
		if end := i.NotAfter(); !end.Equal(i.told) && r.take(svidSize+len(id.String())) {
			i.told = end
			r.pong.SVIDs[id] = end
		}
	}
	return r.pong
}

// tell adds what is new of one workload to a report.
func (s *cell) tell(r *report, uid string, v *served) {
	b := s.books[uid]
	if n, view := v.counts(), v.work.Generation(); (!b.known || n != b.told || view != b.view) && r.take(countsSize+len(uid)) {
		b.known, b.told, b.view = true, n, view
		r.pong.Counts[uid], r.pong.Views[uid] = n, view
	}
	v.tallies(r, uid)
}

// tallies adds the series of a workload that have counted something, and says whether all
// of them had room.
func (v *served) tallies(r *report, uid string) bool {
	return v.counters.Series.News(func(t telemetry.Tally) bool {
		size := tallySize
		if t.Key != nil {
			size += 6 * t.Key.Size() // JSON escapes a byte in six
		}
		if !r.take(size + len(uid)) {
			return false
		}
		r.pong.Series[uid] = append(r.pong.Series[uid], t)
		return true
	})
}

// last says what a workload has counted when its last connection has ended: all of it, in
// as many pongs as that takes, since none comes after them. Whoever calls it need not be
// the loop. (The bound is for a workload that is served again: its series go on growing.)
func (v *served) last(answer func(*Pong)) {
	for all, n := false, 0; !all && n < telemetry.MaxSeries; n++ {
		r := report{room: reportRoom}
		r.take(countsSize)
		r.pong.Counts[v.uid] = v.counts()
		all = v.tallies(&r, v.uid)
		answer(r.pong)
	}
}

// forget ends the book of a workload that has left, unless somebody else uses it.
func (s *cell) forget(v *served) {
	delete(s.leaving, v)
	if s.served[v.uid] != nil {
		return
	}
	for other := range s.leaving {
		if other.uid == v.uid {
			return
		}
	}
	delete(s.books, v.uid)
}

// introduce makes all of it news: another keeper has been told nothing.
func (s *cell) introduce() {
	for _, b := range s.books {
		b.known = false
		b.counters.Series.Forget()
	}
	for _, i := range s.issuers {
		i.told = time.Time{}
	}
}

// carried says whether anything has begun.
func carried(all map[string]telemetry.Counts) bool {
	for _, n := range all {
		if n.Opened > 0 {
			return true
		}
	}
	return false
}

func (v *served) counts() telemetry.Counts {
	n := v.counters.Counts()
	n.Budget = v.account.Counts()
	n.Aside = int64(v.work.CountAside())
	return n
}
