package hbone

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestHeadAuthority(t *testing.T) {
	a := FromAddrPort(netip.MustParseAddrPort("10.0.0.1:80"))
	good := Connect(a, Header{})
	if got, err := good.Authority(); err != nil || got != a {
		t.Errorf("got %v, %v", got, err)
	}
	for name, change := range map[string]func(*Head){
		"method":       func(h *Head) { h.Method = "GET" },
		"lower case":   func(h *Head) { h.Method = "connect" },
		"no method":    func(h *Head) { h.Method = "" },
		"no authority": func(h *Head) { h.RawAuthority = "" },
		"authority":    func(h *Head) { h.RawAuthority = "10.0.0.1" },
		"malformed":    func(h *Head) { h.Malformed = "CONNECT with :path" },
	} {
		h := good
		change(&h)
		got, err := h.Authority()
		var he *HeadError
		if !errors.As(err, &he) || !got.IsZero() {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	if _, err := (Head{Method: long}).Authority(); len(err.Error()) > 300 {
		t.Errorf("%d bytes", len(err.Error()))
	}
	if _, err := ParseAuthority(long); len(err.Error()) > 300 {
		t.Errorf("%d bytes", len(err.Error()))
	}
}
