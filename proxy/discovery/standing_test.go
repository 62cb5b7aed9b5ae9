package discovery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// stands waits until the feed's standing is as wanted.
func (s *seen) stands(what string, is func(mesh.Standing) bool) {
	s.t.Helper()
	for end := time.Now().Add(hang); !is(s.feed.Standing()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: %+v", what, s.feed.Standing())
		}
	}
}

// A feed says that control is gone, since when, and that control itself has a mesh that it
// cannot use: nobody else would tell the node's operators.
func TestStandingOfAFeed(t *testing.T) {
	w := newWorld(t, nil)
	w.write("mesh.yaml", twoTenants)
	w.start()
	s := w.feed("n1", false)
	well := func(x mesh.Standing) bool { return x.Error == "" && x.Refused == "" && x.Answered > 0 }
	s.next()
	s.stands("well", well)
	w.write("mesh.yaml", twoTenants[:len(twoTenants)/2])
	s.stands("control has half a file", func(x mesh.Standing) bool { return x.Error == "" && strings.Contains(x.Refused, "cannot use") })
	w.write("mesh.yaml", twoTenants+"\n")
	s.stands("control has a file again", well)
	w.stop()
	s.stands("no control", func(x mesh.Standing) bool { return x.Error != "" && time.Since(x.Since) < hang })
	w.start()
	s.stands("control again", well)
	s.silent()
}
