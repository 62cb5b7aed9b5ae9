package sandbox

import (
	"context"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Every end reaches every other, and a sniffer at the switch sees it until it forgets.
func TestFabric(t *testing.T) {
	f := NewFabric(t, 3)
	wire := NewSniffer(t, f.Switch)
	for i, from := range f.Ends {
		to := f.Ends[(i+1)%len(f.Ends)]
		l, err := to.Listen(netns.ListenOptions{Port: 8080})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, a := range []netip.Addr{to.A4, to.A6} {
			if !a.IsValid() {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			c, err := from.Dial(ctx, netns.DialOptions{Remote: netip.AddrPortFrom(a, 8080)})
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, "across the switch"); err != nil {
				t.Error(err)
			}
			far, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(far, make([]byte, len("across the switch"))); err != nil {
				t.Error(err)
			}
			far.Close()
			c.Close()
			if wire.Seen([]byte("across the switch")) == 0 {
				t.Errorf("%v was not seen at the switch", a)
			}
			if wire.Forget(); wire.Seen([]byte("across the switch")) != 0 {
				t.Error("it did not forget")
			}
		}
	}
}
