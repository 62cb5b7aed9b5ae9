package load

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

// The answer is the server's own; a connection that breaks instead is an error.
func TestAsk(t *testing.T) {
	for _, answer := range []bool{true, false} {
		here, there := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer there.Close()
			b := make([]byte, maxFrame)
			n, err := there.Read(b)
			if err != nil || !strings.Contains(string(b[:n]), "text") {
				t.Errorf("read %q, %v", b[:n], err)
			}
			if answer {
				_, _ = there.Write(appendAnswer(nil, b[2:n], netip.MustParseAddrPort("10.0.0.1:1")))
			}
		}()
		if err := Ask(here, "text"); (err == nil) != answer {
			t.Errorf("answered %v: %v", answer, err)
		}
		<-ended
		here.Close()
	}
}
