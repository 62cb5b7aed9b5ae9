package mesh

import (
	"bytes"
	"fmt"

	"sigs.k8s.io/yaml"
)

// maxRun bounds the elements that are decoded together, and with them what is decoded twice
// because one of them is wrong.
const maxRun = 512

// decodeRun decodes pieces that follow each other in one list. One by one, the obvious way, takes 1.7 times the memory,
// since a parser is made for each (BenchmarkRead); but what they mean, and which of them is wrong, is what each says
// alone.
func decodeRun(pieces []piece, says []said) error {
	if all := together(pieces); all != nil {
		for i, w := range all {
			says[i].written = w
		}
		return nil
	}
	var buffer []byte
	for i, p := range pieces {
		buffer = p.whole(buffer)
		w, err := decode(buffer)
		if err != nil {
			return fmt.Errorf("from line %d: %w", p.line, err)
		}
		says[i].written = w
	}
	return nil
}

// together is what each of the pieces says, or nil if only they alone can tell. An element of a list begins
// at a dash, and every dash in the list's column begins a piece. So if there are as many elements as pieces, each
// piece is an element, and no quote is open between two. Only an anchor could reach from one to another.
func together(pieces []piece) []*written {
	if len(pieces) < 2 || pieces[0].key == nil {
		return nil
	}
	text := bytes.Clone(pieces[0].key)
	for _, p := range pieces {
		if bytes.IndexByte(p.text, '&') >= 0 {
			return nil
		}
		text = append(text, p.text...)
	}
	var f File
	if err := yaml.UnmarshalStrict(text, &f); err != nil {
		return nil
	}
	if all := f.elements(); len(all) == len(pieces) {
		return all
	}
	return nil
}

// elements is what each element of a file's lists says.
func (f File) elements() (all []*written) {
	w := f.written()
	for _, x := range w.workloads {
		all = append(all, &written{workloads: []*writtenWorkload{x}})
	}
	for _, x := range w.services {
		all = append(all, &written{services: []*writtenService{x}})
	}
	for _, x := range w.policies {
		all = append(all, &written{policies: []*writtenPolicy{x}})
	}
	for _, x := range w.peers {
		all = append(all, &written{peers: []PeerAuthentication{x}})
	}
	return all
}
