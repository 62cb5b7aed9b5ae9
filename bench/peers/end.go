package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"golang.org/x/sys/unix"
)

// end is which end of a pair a configuration is for.
type end string

const (
	clientEnd end = "client"
	serverEnd end = "server"
)

// What all TLS peers speak.
const (
	cipher   = "TLS_AES_128_GCM_SHA256"
	exchange = "X25519"
)

// facts are what a configuration is made of.
type facts struct {
	Side
	Tuned             bool
	Client            bool
	Name              string // of the server, in its certificate
	Cipher, Exchange  string
	Chain             string // haproxy: own chain and key in one file
	Module            string // nginx: the stream module, where it is not built in
	Connections, Open int    // at once; open files
	PID               string
}

func factsOf(dir string, s Side, tuned bool, e end) facts {
	connections, open := most()
	return facts{
		Side: s, Tuned: tuned, Client: e == clientEnd, Name: ServerName, Cipher: cipher, Exchange: exchange,
		Chain: filepath.Join(dir, "chain-and-key.pem"), PID: filepath.Join(dir, "pid"), Connections: connections, Open: open,
	}
}

// most is how many connections a process may carry, two descriptors each, and how many files it may have open. Beyond
// the machine's limit haproxy does not start; an nginx would, and fail later.
func most() (connections, open int) {
	const enough, beside = 16384, 128
	limit := unix.Rlimit{Max: 1024}
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) // it fails for a wrong pointer only
	open = int(min(limit.Max, 4*enough))
	return max(min(enough, (open-beside)/2), 1), open
}

// text fills a template.
func (f facts) text(t *template.Template) (string, error) {
	var b strings.Builder
	if err := t.Execute(&b, f); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	return b.String(), nil
}

// write puts a configuration into dir.
func (f facts) write(dir, name string, t *template.Template) (string, error) {
	text, err := f.text(t)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	return file, nil
}
