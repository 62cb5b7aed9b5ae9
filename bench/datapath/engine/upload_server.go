package engine

import (
	"encoding/binary"
	"fmt"
)

// uploaded is what a server has had of an upload.
type uploaded struct {
	pos   int64  // bytes, without marks that ask
	head  uint64 // of the page that comes
	in    int    // bytes of it
	said  int64  // pos when it was asked last
	asked bool   // since somebody looked
}

// take checks what came. Every page's mark is looked at; one that is cut in two by the end
// of a read is put together in head.
func (u *uploaded) take(b []byte) error {
	for len(b) > 0 {
		switch {
		case u.in == 0 && len(b) >= markSize:
			u.head, u.in, b = binary.LittleEndian.Uint64(b), markSize, b[markSize:]
		case u.in < markSize:
			u.head = u.head>>8 | uint64(b[0])<<56
			u.in, b = u.in+1, b[1:]
		default:
			n := min(page-u.in, len(b))
			u.in, u.pos, b = (u.in+n)%page, u.pos+int64(n), b[n:]
			continue
		}
		if u.in == markSize {
			if err := u.judge(); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge looks at a mark that is complete.
func (u *uploaded) judge() error {
	if u.head == mark(upload, ask) {
		u.asked, u.said, u.in = true, u.pos, 0
		return nil
	}
	if n := u.pos / page % ring; u.head != mark(upload, uint64(n)) {
		return fmt.Errorf("an upload has %#x at page %d", u.head, u.pos/page)
	}
	u.pos += markSize
	return nil
}
