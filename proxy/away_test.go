package proxy_test

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/h3"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// TestADialWithoutARoute fails for want of one, and not of an answer.
func TestADialWithoutARoute(t *testing.T) {
	n, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	pc, err := n.ListenUDP(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	e := h3.New(h3.Options{HandshakeTimeout: 2 * patience}).On(pc, h3.Socket{})
	defer e.Close()
	_, _, err = e.Dial(t.Context(), netip.MustParseAddrPort("10.1.2.3:15008"), &tls.Config{InsecureSkipVerify: true})
	if err == nil || !strings.Contains(err.Error(), unix.ENETUNREACH.Error()) { // quic-go wraps it as a text
		t.Errorf("got %v", err)
	}
}
