package hbone

import "testing"

func TestParseAltH3(t *testing.T) {
	for field, want := range map[string]uint16{
		AltH3(15008):                    15008,
		`h3=":443"; ma=3600; persist=1`: 443,
		`h2="a,b:1", h3=":15008"`:       15008,
		`h3-29=":1" , h3=":2"`:          2,
		`h3="other:443"`:                0,
		`h3="other:443", h3=":15008"`:   15008,
		`clear`:                         0,
		``:                              0,
		`h3=""`:                         0,
		`h3=":0"`:                       0,
		`h3=":65536"`:                   0,
		`h3=":15008`:                    15008,
		`h3`:                            0,
		`h2=":443"; ma=3600; h3=":1"`:   0,
		`h3=":80x"`:                     0,
		`,,h3=":7",,`:                   7,
	} {
		if got, ok := ParseAltH3(field); got != want || ok != (want > 0) {
			t.Errorf("%s: %d, %v; want %d", field, got, ok, want)
		}
	}
}

func FuzzParseAltH3(f *testing.F) {
	f.Add(`h3=":443"; ma=3600, h2="x"`)
	f.Fuzz(func(t *testing.T, s string) {
		if port, ok := ParseAltH3(s); ok {
			if again, ok := ParseAltH3(AltH3(port)); !ok || again != port {
				t.Errorf("%q: %d, and again %d", s, port, again)
			}
		}
	})
}
