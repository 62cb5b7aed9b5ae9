package hbone

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestParseAuthority(t *testing.T) {
	for text, want := range map[string]string{
		"10.244.1.3:8080":                       "10.244.1.3:8080",
		"[fd00:244:1::3]:80":                    "[fd00:244:1::3]:80",
		"[FD00:0:0::1]:80":                      "[fd00::1]:80",
		"[::ffff:10.0.0.1]:80":                  "10.0.0.1:80", // one destination, one spelling
		"[::]:1":                                "[::]:1",
		"0.0.0.0:65535":                         "0.0.0.0:65535",
		"checkout.tenant-a.svc.cluster.local:1": "checkout.tenant-a.svc.cluster.local:1",
		"Checkout:443":                          "checkout:443",
		"localhost:1":                           "localhost:1",
		"a_b.c:1":                               "a_b.c:1",
		"1.example:1":                           "1.example:1",
		"xn--bcher-kva.example:1":               "xn--bcher-kva.example:1",
		strings.Repeat("a", 63) + ".b:1":        strings.Repeat("a", 63) + ".b:1",
	} {
		a, err := ParseAuthority(text)
		if err != nil || a.String() != want {
			t.Errorf("%q: got %q, %v; want %q", text, a, err, want)
		}
	}
}

func TestParseAuthorityRefuses(t *testing.T) {
	for _, text := range []string{
		"", ":", ":80", "10.0.0.1", "10.0.0.1:", "host", "host:", "[::1]", "[::1]:", "[]:80",
		"10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:99999999999999999999", "10.0.0.1:080", "10.0.0.1:+80", "10.0.0.1:-1",
		"10.0.0.1:8 0", "10.0.0.1:80 ", " 10.0.0.1:80", "10.0.0.1:80\n", "10.0.0.1:http", "10.0.0.1:80:80",
		"::1:80", "fd00::1:80", "[10.0.0.1]:80", "[host]:80", "[fe80::1%eth0]:80", "[fe80::1%25eth0]:80", "[::1:80", "::1]:80", "[[::1]]:80", "[::1]x:80",
		"user@host:80", "user:pw@host:80", "http://host:80", "host:80/", "host/path:80", "host:80?q", "host:80#f", "*.example:80", "ho st:80", "host\x00:80",
		"256.0.0.1:80", "1.2.3:80", "1.2.3.4.5:80", "01.2.3.4:80", "127.1:80", "0x7f.1:80", "2130706433:80", "10.0.0.1.:80",
		"-a.b:80", "a-.b:80", "a..b:80", ".a:80", "a.:80", "a.b.:80", strings.Repeat("a", 64) + ":80", strings.Repeat("a.", 127) + "a:80",
		"bücher.example:80", "host%2e:80",
	} {
		a, err := ParseAuthority(text)
		var ae *AuthorityError
		if !errors.As(err, &ae) || !a.IsZero() {
			t.Errorf("%q: got %q, %v", text, a, err)
		}
	}
}

func TestAuthorityParts(t *testing.T) {
	ap := netip.MustParseAddrPort("[fd00::1]:80")
	a := FromAddrPort(ap)
	if got, ok := a.Addr(); !ok || got != ap || a.Host() != "fd00::1" || a.Port() != 80 {
		t.Errorf("%v %v %q %d", got, ok, a.Host(), a.Port())
	}
	h, _ := ParseAuthority("svc:81")
	if _, ok := h.Addr(); ok || h.Host() != "svc" || h.Port() != 81 {
		t.Errorf("%v", h)
	}
	if mapped := FromAddrPort(netip.MustParseAddrPort("[::ffff:10.0.0.1]:80")); mapped.String() != "10.0.0.1:80" {
		t.Errorf("%v", mapped)
	}
	if zoned := FromAddrPort(netip.MustParseAddrPort("[fe80::1%eth0]:80")); zoned.String() != "[fe80::1]:80" {
		t.Errorf("%v", zoned)
	}
	if (Authority{}).String() != "" || !(Authority{}).IsZero() {
		t.Error("the zero authority has a text")
	}
}

// What is accepted can be printed, and the print means the same.
func FuzzParseAuthority(f *testing.F) {
	for _, s := range []string{"10.0.0.1:80", "[fd00::1]:80", "a.b-c_d:65535", "[::ffff:1.2.3.4]:1", "user@h:1", "127.1:1", "A:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAuthority(s)
		if err != nil {
			if !a.IsZero() {
				t.Errorf("%q: an error and %v", s, a)
			}
			return
		}
		again, err := ParseAuthority(a.String())
		if err != nil || again != a {
			t.Errorf("%q prints %q, which is %v, %v", s, a, again, err)
		}
		if a.Port() == 0 || a.Host() == "" || strings.ContainsAny(a.String(), "@/ %\r\n\x00") {
			t.Errorf("%q was accepted as %q", s, a)
		}
		if ap, ok := a.Addr(); ok && FromAddrPort(ap) != a {
			t.Errorf("%q: %v is not %v", s, FromAddrPort(ap), a)
		}
		if !strings.EqualFold(a.String(), s) && !strings.Contains(s, "[") {
			t.Errorf("%q became %q", s, a)
		}
	})
}
