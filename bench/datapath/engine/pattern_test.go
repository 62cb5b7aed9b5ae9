package engine

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// asking is the mark that asks for a receipt.
func asking() []byte { return binary.LittleEndian.AppendUint64(nil, mark(upload, ask)) }

// sent is an upload of so many pages, and a mark.
func sent(n int) []byte {
	b := bytes.Repeat(pages(), n/ring+1)[:n*page]
	return append(b, asking()...)
}

// inParts feeds an upload by so many bytes at a time.
func inParts(b []byte, each int) (u uploaded, err error) {
	for len(b) > 0 && err == nil {
		n := min(each, len(b))
		err = u.take(b[:n])
		b = b[n:]
	}
	return u, err
}

func TestUploadIsCounted(t *testing.T) {
	for _, each := range []int{1, 7, page - 1, page, page + 1, 1 << 20} {
		for _, n := range []int{0, 1, ring + 3} {
			u, err := inParts(sent(n), each)
			if err != nil || u.pos != int64(n*page) || !u.asked || u.said != u.pos {
				t.Errorf("%d pages by %d bytes: %+v, %v", n, each, u, err)
			}
		}
	}
}

// TestUploadThatIsNotWhatWasSent: what a relay could do to bytes, the server sees.
func TestUploadThatIsNotWhatWasSent(t *testing.T) {
	whole := sent(10)
	for name, spoil := range map[string]func([]byte) []byte{
		"a byte lost":       func(b []byte) []byte { return append(b[:5000:5000], b[5001:]...) },
		"a byte too many":   func(b []byte) []byte { return append(append(b[:5000:5000], 0), b[5000:]...) },
		"a page twice":      func(b []byte) []byte { return append(b[:2*page:2*page], b[page:]...) },
		"a page lost":       func(b []byte) []byte { return append(b[:2*page:2*page], b[3*page:]...) },
		"pages swapped":     func(b []byte) []byte { return append(append(b[page:2*page:2*page], b[:page]...), b[2*page:]...) },
		"the end in a page": func(b []byte) []byte { return append(append(b[:5*page+100:5*page+100], asking()...), b[5*page:]...) },
	} {
		u, err := inParts(spoil(bytes.Clone(whole)), 1000)
		if err == nil && u.asked && u.said == int64(10*page) {
			t.Errorf("%s: it was not seen", name)
		}
	}
}

func TestAnswerIsChecked(t *testing.T) {
	for _, size := range []int{2 * markSize, 64, 1000} {
		request := make([]byte, size)
		stamp(request, 77)
		for each := 1; each <= size; each++ {
			for off := 0; off < size; off += each {
				part := request[off:min(off+each, size)]
				if err := check(part, off, size, 77); err != nil {
					t.Fatalf("%d bytes at %d of %d: %v", len(part), off, size, err)
				}
			}
		}
		for i := range size {
			spoiled := bytes.Clone(request)
			spoiled[i] ^= 1
			ends := i < markSize || i >= size-markSize
			if err := check(spoiled, 0, size, 77); (err != nil) != ends {
				t.Errorf("size %d, byte %d: %v", size, i, err)
			}
		}
		if check(request, 0, size, 78) == nil {
			t.Error("another request's answer is taken")
		}
	}
}

// FuzzUpload: whatever comes, and however it is cut, is counted the same or refused.
func FuzzUpload(f *testing.F) {
	f.Add(sent(2), 100)
	f.Add(asking(), 3)
	f.Fuzz(func(t *testing.T, b []byte, each int) {
		if each < 1 {
			return
		}
		whole, errWhole := inParts(b, max(1, len(b)))
		parts, errParts := inParts(b, each)
		if (errWhole == nil) != (errParts == nil) {
			t.Fatalf("whole: %v, in parts of %d: %v", errWhole, each, errParts)
		}
		if errWhole == nil && (whole.pos != parts.pos || whole.said != parts.said || whole.in != parts.in) {
			t.Errorf("whole %+v, in parts %+v", whole, parts)
		}
		if whole.pos > int64(len(b)) {
			t.Errorf("%d bytes of %d", whole.pos, len(b))
		}
	})
}
