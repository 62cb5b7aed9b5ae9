package h2

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// nghttp and h2load always send :scheme and :path, so that what they say is no CONNECT: each request is owed a 400, and its tunnel goes on.
// nghttpx can speak CONNECT: package proxy tests a whole workload against it.
func TestNGHTTP2IsAnswered(t *testing.T) {
	if os.Getenv("BULKHEAD_NGHTTP2") == "" {
		t.Skip("set BULKHEAD_NGHTTP2=1, or make nghttp2, to run nghttpx, nghttp and h2load against us")
	}
	url := "http://127.0.0.1:" + examined(t, func(in tunnel.Incoming) { _ = in.Reject(hbone.StatusBadRequest) }) + "/"
	for name, c := range map[string]struct {
		args  []string
		want  string
		times int
	}{
		"padding, a small table, CONTINUATION": {[]string{"nghttp", "-nv", "--padding=200", "--continuation", "-c", "0", "-c", "4096", "-m", "20", url}, ":status: 400", 20},
		"a body that nobody wants":             {[]string{"nghttp", "-nv", "-d", "/etc/passwd", "-m", "20", url}, ":status: 400", 20},
		"CONNECT with a path":                  {[]string{"nghttp", "-nv", "-H:method: CONNECT", url}, ":status: 400", 1},
		"20,000 requests, 100 at once":         {[]string{"h2load", "-n20000", "-c4", "-m25", url}, "20000 4xx", 1},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.Command(c.args[0], c.args[1:]...).CombinedOutput()
			if got := strings.Count(string(out), c.want); err != nil || got != c.times {
				t.Errorf("%v; %q came %d times, want %d:\n%s", err, c.want, got, c.times, out)
			}
		})
	}
}
