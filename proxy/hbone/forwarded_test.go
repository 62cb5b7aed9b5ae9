package hbone

import (
	"net/netip"
	"testing"
)

// ztunnel: build_forwarded, exact text.
// Conformance 18: for is quoted and host is not.
func TestForwardedEncode(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("127.0.0.1:80"), netip.MustParseAddrPort("[::1]:80")
	for want, f := range map[string]Forwarded{
		`for="127.0.0.1:80"`:                  {For: v4},
		`for="[::1]:80"`:                      {For: v6},
		`for="127.0.0.1:80";host=example.com`: {For: v4, Host: "example.com"},
		`host=example.com`:                    {Host: "example.com"},
		``:                                    {},
	} {
		if got := f.Encode(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := ForwardedFor(netip.MustParseAddrPort("[::ffff:10.0.0.1]:9")); got != `for="10.0.0.1:9"` {
		t.Errorf("got %q", got)
	}
}

// ztunnel: parse_forwarded_host variants.
// Conformance 26: every form, and what is none.
func TestParseForwarded(t *testing.T) {
	src := netip.MustParseAddrPort("10.0.0.1:80")
	for text, want := range map[string]Forwarded{
		``:                                      {},
		`for="10.0.0.1:80"`:                     {For: src},
		`For="10.0.0.1:80";Host=Example.com`:    {For: src, Host: "example.com"},
		`host="example.com"`:                    {Host: "example.com"},
		`host=a;proto=https;by=b`:               {Host: "a"},
		` for="10.0.0.1:80" ; host=a `:          {For: src, Host: "a"},
		`for="10.0.0.1:80";host=a, for="[::1]"`: {For: src, Host: "a"},
		`for=unknown;host=a`:                    {Host: "a"},
		`for="_hidden,x;y";host=a`:              {Host: "a"},
		`for="[::1]:80"`:                        {For: netip.MustParseAddrPort("[::1]:80")},
	} {
		if got, err := ParseForwarded(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{`for`, `for="x`, `for="a\"b"`, `host=`, `host=a b`, `host=1.2.3`, `;`, `;;host=a`} {
		if got, err := ParseForwarded(text); err == nil {
			t.Errorf("%s: got %+v", text, got)
		}
	}
}

// Conformance 26: no text breaks it.
func FuzzParseForwarded(f *testing.F) {
	for _, s := range []string{`for="10.0.0.1:80";host=a.b`, `for="[::1]:80", for=x`, `host="a"`, `by=x;proto=http`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseForwarded(s)
		if err != nil {
			return
		}
		if again, err := ParseForwarded(v.Encode()); err != nil || again != v {
			t.Errorf("%q prints %q, which is %+v, %v", s, v.Encode(), again, err)
		}
	})
}
