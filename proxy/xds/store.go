package xds

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// maxRemoved is how many removals a store remembers at most.
const maxRemoved = 100_000

// store holds the resources of one type in the order in which they changed.
type store struct {
	mu      sync.RWMutex
	seq     uint64 // of the newest change
	begun   bool   // somebody has said what there is; before, "nothing" would be a lie
	keep    int    // maxRemoved
	entries map[string]*entry
	changed []*entry // by seq; superseded ones are skipped, and dropped now and then
	removed int      // entries without value among entries
	horizon uint64   // removals up to here are forgotten
	// byKey are the entries by name, alias and group, then by name. It is made when the
	// first proxy is on demand: for 100,000 resources it is the larger part of a store.
	byKey map[string]map[string]*entry
}

// entry is a resource as it is now; Value nil: it is gone.
type entry struct {
	Resource
	seq   uint64
	moved bool // it was shown to others before
}

func newStore() *store {
	return &store{keep: maxRemoved, entries: map[string]*entry{}}
}

// keys are the names by which an entry can be demanded, or comes with another.
func (e *entry) keys() []string { return slices.Concat([]string{e.Name}, e.Aliases, e.Groups) }

// update makes changes, and says whether there were any.
func (s *store) update(set []Resource, removed []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, begun := s.seq, s.begun
	s.begun = true
	for _, r := range set {
		if old := s.entries[r.Name]; old == nil || old.Value == nil || old.Version != r.Version {
			s.put(r)
		}
	}
	for _, name := range removed {
		if old := s.entries[name]; old != nil && old.Value != nil {
			gone := old.Resource
			gone.Value = nil
			s.put(gone)
		}
	}
	s.compact()
	return s.seq != before || !begun
}

// replace is update where what is not set is gone.
func (s *store) replace(set []Resource) bool {
	there := make(map[string]bool, len(set))
	for _, r := range set {
		there[r.Name] = true
	}
	var removed []string
	s.mu.RLock()
	for name := range s.entries {
		if !there[name] {
			removed = append(removed, name)
		}
	}
	s.mu.RUnlock()
	return s.update(set, removed)
}

func (s *store) put(r Resource) {
	s.seq++
	e := &entry{Resource: r, seq: s.seq}
	if old := s.entries[r.Name]; old != nil {
		e.moved = old.Value != nil && (old.Scope != r.Scope || old.Node != r.Node) || old.moved
		if old.Value == nil {
			s.removed--
		}
		s.unindex(old)
	}
	if r.Value == nil {
		s.removed++
	}
	s.entries[r.Name] = e
	s.changed = append(s.changed, e)
	s.index(e)
}

func (s *store) index(e *entry) {
	if s.byKey == nil {
		return
	}
	for _, k := range e.keys() {
		if s.byKey[k] == nil {
			s.byKey[k] = map[string]*entry{}
		}
		s.byKey[k][e.Name] = e
	}
}

func (s *store) unindex(e *entry) {
	if s.byKey == nil {
		return
	}
	for _, k := range e.keys() {
		if delete(s.byKey[k], e.Name); len(s.byKey[k]) == 0 {
			delete(s.byKey, k)
		}
	}
}

// compact forgets what was superseded when that is most of it, and half of
// the removals when they are too many, the oldest first.
func (s *store) compact() {
	if len(s.changed) <= 2*len(s.entries)+1024 && s.removed <= s.keep {
		return
	}
	s.changed = slices.SortedFunc(maps.Values(s.entries), func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
	if s.removed <= s.keep {
		return
	}
	kept := s.changed[:0]
	for _, e := range s.changed {
		if e.Value != nil || s.removed <= s.keep/2 {
			kept = append(kept, e)
			continue
		}
		s.removed--
		s.horizon = e.seq
		delete(s.entries, e.Name)
		s.unindex(e)
	}
	clear(s.changed[len(kept):])
	s.changed = kept
}

// since are the entries that changed after seq, each once, and the newest seq. It is not
// ok when removals are forgotten that came after seq.
func (s *store) since(seq uint64) (out []*entry, now uint64, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if seq < s.horizon {
		return nil, s.seq, false
	}
	i, _ := slices.BinarySearchFunc(s.changed, seq+1, func(e *entry, n uint64) int { return cmp.Compare(e.seq, n) })
	for _, e := range s.changed[i:] {
		if s.entries[e.Name] == e {
			out = append(out, e)
		}
	}
	return out, s.seq, true
}

// silent says whether nobody has said yet what there is.
func (s *store) silent() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return !s.begun
}

// all are the resources that are there, and the newest seq.
func (s *store) all() (out []*entry, now uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.entries {
		if e.Value != nil {
			out = append(out, e)
		}
	}
	return out, s.seq
}

// named are the resources that a name or alias stands for, and those of their groups.
func (s *store) named(key string) (out []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil {
		s.byKey = map[string]map[string]*entry{}
		for _, e := range s.entries {
			s.index(e)
		}
	}
	for _, e := range s.byKey[key] {
		if e.Value == nil {
			continue
		}
		out = append(out, e)
		if slices.Contains(e.Groups, key) {
			continue // a member itself
		}
		for _, member := range s.byKey[e.Name] {
			if member != e && member.Value != nil {
				out = append(out, member)
			}
		}
	}
	return out
}
