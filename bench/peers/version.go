package peers

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"runtime/debug"
	"time"
)

var versionNumber = regexp.MustCompile(`\d+\.\d+(\.[0-9A-Za-z.+~-]+)?`)

// versionWait bounds what a program may take to say its version.
const versionWait = 5 * time.Second

// Version is what the peer's program says of itself; empty when it says nothing, or is none.
func (p Peer) Version() string {
	if p.Name == XNet {
		return moduleVersion("golang.org/x/net")
	}
	if len(p.version) == 0 {
		return ""
	}
	program, err := find(p.version[0])
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), versionWait)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, p.version[1:]...).CombinedOutput()
	if err != nil {
		return ""
	}
	first, _, _ := bytes.Cut(out, []byte("\n"))
	return string(versionNumber.Find(first))
}

// moduleVersion is that which this executable is linked with.
func moduleVersion(path string) string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range b.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return ""
}
