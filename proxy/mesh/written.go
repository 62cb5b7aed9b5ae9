package mesh

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"

	"sigs.k8s.io/yaml"
)

// written is what a piece of a file says. It is kept as long as the piece is there, whatever
// else changes, and with it what has been made of it.
type written struct {
	trustDomain string
	workloads   []*writtenWorkload
	services    []*writtenService
	policies    []*writtenPolicy
	peers       []PeerAuthentication
}

// place is where something is written. The zero value is nowhere: it came from no file.
type place struct {
	path string
	line int // 0: somewhere in it
}

func (p place) String() string {
	switch {
	case p.line == 0:
		return p.path
	case p.path == "":
		return "line " + strconv.Itoa(p.line)
	}
	return p.path + ":" + strconv.Itoa(p.line)
}

// says puts a place and what is meant before an error.
func (p place) says(what string, err error) error {
	if p == (place{}) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %s: %w", p, what, err)
}

// decode reads a piece, strictly.
func decode(text []byte) (*written, error) {
	var f File
	if err := yaml.UnmarshalStrict(text, &f); err != nil {
		return nil, err
	}
	return f.written(), nil
}

func (f File) written() *written {
	w := &written{trustDomain: f.TrustDomain, peers: f.PeerAuthentications}
	for _, x := range f.Workloads {
		w.workloads = append(w.workloads, &writtenWorkload{raw: &x, heir: x.TrustDomain == ""})
	}
	for _, x := range f.Services {
		w.services = append(w.services, &writtenService{raw: x})
	}
	for _, x := range f.Policies {
		w.policies = append(w.policies, &writtenPolicy{raw: x})
	}
	return w
}

// writtenWorkload is a workload as a file has it, and as it is in the mesh, which depends on
// what else the files say: the pointer stays the same as long as that does.
type writtenWorkload struct {
	raw  *Workload
	heir bool // its trust domain is that of the mesh
	from belongings
	made *Workload // nil: not yet
}

// belongings are what others say of a workload.
type belongings struct {
	trustDomain string
	services    []string // that have it as an endpoint, by key
	policies    []string // that select it, by key
}

func (b belongings) equal(c belongings) bool {
	return b.trustDomain == c.trustDomain && slices.Equal(b.services, c.services) && slices.Equal(b.policies, c.policies)
}

// make is the workload in the form that xDS has: it names its services and policies, not they it.
func (w *writtenWorkload) make(b belongings) (*Workload, error) {
	if w.made != nil && w.from.equal(b) {
		return w.made, nil
	}
	made := *w.raw
	if w.heir {
		made.TrustDomain = ""
	}
	if err := made.complete(b.trustDomain); err != nil {
		return nil, err
	}
	if len(b.services) > 0 {
		made.Services = make(map[string][]Port, len(w.raw.Services)+len(b.services))
		for _, key := range b.services {
			made.Services[key] = nil
		}
		for key, ports := range w.raw.Services {
			made.Services[key] = ports
		}
	}
	if len(b.policies) > 0 {
		made.Policies = slices.Concat(w.raw.Policies, b.policies)
	} else if len(b.services) == 0 {
		w.raw = &made // one of the two is enough
	}
	w.from, w.made = b, &made
	return w.made, nil
}

// writtenService is a service as a file has it, and as it is in the mesh.
type writtenService struct {
	raw  Service
	made *Service
}

func (s *writtenService) make() (*Service, error) {
	if s.made == nil {
		made := s.raw
		made.Endpoints = nil
		if err := made.validate(); err != nil {
			return nil, err
		}
		s.made = &made
	}
	return s.made, nil
}

// writtenPolicy is a policy as a file has it, and as it is in the mesh.
type writtenPolicy struct {
	raw  Policy
	made *indexedPolicy
}

func (p *writtenPolicy) make() (*indexedPolicy, error) {
	if p.made == nil {
		made, err := indexed(p.raw)
		if err != nil {
			return nil, err
		}
		p.made = made
	}
	return p.made, nil
}

// document is a mesh file as it was when it was read last.
type document struct {
	says   []said
	pieces map[[sha256.Size]byte]*written // by their text
}

// said is a piece and where it is.
type said struct {
	place
	*written
}

// read reads the text of a file whose earlier form is known, or nil. What is in it as it was
// is taken from there.
func (d *document) read(path string, text []byte) (*document, error) {
	pieces, err := split(text)
	if err != nil {
		return nil, err
	}
	next := &document{says: make([]said, len(pieces)), pieces: make(map[[sha256.Size]byte]*written, len(pieces))}
	sums := make([][sha256.Size]byte, len(pieces))
	var buffer []byte
	for i, p := range pieces {
		buffer = p.whole(buffer)
		sums[i] = sha256.Sum256(buffer)
		next.says[i] = said{place{path, p.line}, d.piece(sums[i])}
	}
	if err := next.decode(pieces); err != nil {
		return nil, err
	}
	for i, sum := range sums {
		next.pieces[sum] = next.says[i].written
	}
	return next, nil
}

// decode decodes the pieces that are new.
func (d *document) decode(pieces []piece) error {
	for at := 0; at < len(pieces); {
		n := d.fresh(pieces, at)
		if err := decodeRun(pieces[at:at+n], d.says[at:at+n]); err != nil {
			return err
		}
		at += max(n, 1)
	}
	return nil
}

// fresh is how many pieces from there on are new, and elements of one list.
func (d *document) fresh(pieces []piece, at int) (n int) {
	for n < maxRun && at+n < len(pieces) && d.says[at+n].written == nil && bytes.Equal(pieces[at+n].key, pieces[at].key) {
		n++
	}
	return n
}

func (d *document) piece(sum [sha256.Size]byte) *written {
	if d == nil {
		return nil
	}
	return d.pieces[sum]
}
