package load

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
)

func body(t *testing.T, frame []byte) []byte {
	t.Helper()
	b, err := readFrame(bufio.NewReader(bytes.NewReader(frame)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFrameThereAndBack(t *testing.T) {
	for _, client := range []string{"10.244.1.3:41000", "[fd00:244:1::3]:41000"} {
		want := netip.MustParseAddrPort(client)
		request := appendRequest(nil, 27, 1<<20, "marker-x")
		if err := checkRequest(body(t, request)); err != nil {
			t.Fatal(err)
		}
		got, err := answers(request[2:], body(t, appendAnswer(nil, request[2:], want)))
		if err != nil || got != want {
			t.Errorf("answer to %s: client %v, error %v", client, got, err)
		}
	}
}

func TestFrameRefused(t *testing.T) {
	client := netip.MustParseAddrPort("10.0.0.1:1")
	request := appendRequest(nil, 1, 2, "m")[2:]
	other := appendRequest(nil, 1, 3, "m")[2:]
	for name, b := range map[string][]byte{
		"another request's echo": appendAnswer(nil, other, client)[2:],
		"no address":             appendAnswer(nil, request, netip.AddrPort{})[2:],
		"a request":              request,
		"nothing":                {},
		"echo beyond the frame":  {kindAnswer, 0xff, 0xff, 1},
	} {
		var frame *FrameError
		if _, err := answers(request, b); !errors.As(err, &frame) {
			t.Errorf("%s: error %v, want a FrameError", name, err)
		}
	}
	if checkRequest(appendRequest(nil, 1, 2, strings.Repeat("m", maxMarker+1))[2:]) == nil {
		t.Error("a marker beyond the limit was accepted")
	}
}

func TestReadFrameEnds(t *testing.T) {
	frame := appendRequest(nil, 1, 2, "m")
	for n := range frame {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := readFrame(bufio.NewReader(bytes.NewReader(frame[:n]))); err != want {
			t.Errorf("%d bytes of a frame: error %v, want %v", n, err, want)
		}
	}
	for _, long := range [][]byte{{0, 0}, {0xff, 0xff}} {
		var bad *FrameError
		if _, err := readFrame(bufio.NewReader(bytes.NewReader(long))); !errors.As(err, &bad) {
			t.Errorf("length % x: error %v, want a FrameError", long, err)
		}
	}
}

// FuzzFrame reads frames from any bytes: it must not panic, and what it accepts
// must mean what was put in.
func FuzzFrame(f *testing.F) {
	client := netip.MustParseAddrPort("[fd00::1]:80")
	request := appendRequest(nil, 3, 4, "marker")
	f.Add(request)
	f.Add(appendAnswer(nil, request[2:], client))
	f.Add([]byte{0, 1, 'Q'})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), 512)
		for {
			b, err := readFrame(r)
			if err != nil {
				return
			}
			if len(b) == 0 || len(b) > maxFrame {
				t.Fatalf("body of %d bytes", len(b))
			}
			if echo, addr, err := parseAnswer(b); err == nil {
				if again := appendAnswer(nil, echo, addr)[2:]; !bytes.Equal(again, b) {
					t.Fatalf("answer % x encodes again as % x", b, again)
				}
			}
			if checkRequest(b) == nil {
				if _, err := answers(b, appendAnswer(nil, b, client)[2:]); err != nil {
					t.Fatalf("own answer to % x: %v", b, err)
				}
			}
		}
	})
}
