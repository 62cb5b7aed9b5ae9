package peers

import (
	"fmt"
	"net/netip"
)

// Peer is a pair of proxies.
type Peer struct {
	Name  string
	About string // one line
	// TLS says that the two ends speak it to one another.
	TLS bool
	// UDP says that they do so over it.
	UDP bool
	// Near and Between are the ports that its client's and its server's end insist on; 0: any.
	Near, Between uint16

	client, server func(dir string, s Side) (Command, error)
	version        []string // command that says which it is
}

// Client writes the configuration of the client's side into dir, and says what to start. Of direct that is nothing.
func (p Peer) Client(dir string, s Side) (Command, error) { return p.side(p.client, dir, s) }

// Server is the same of the server's side.
func (p Peer) Server(dir string, s Side) (Command, error) { return p.side(p.server, dir, s) }

func (p Peer) side(of func(string, Side) (Command, error), dir string, s Side) (Command, error) {
	if of == nil {
		return Command{}, nil
	}
	if !s.Listen.IsValid() || !s.Next.IsValid() {
		return Command{}, fmt.Errorf("%s: a side needs an address to listen at and one to go to, not %v and %v", p.Name, s.Listen, s.Next)
	}
	return of(dir, s)
}

// Side is what one end of a pair is told.
type Side struct {
	Listen, Next  netip.AddrPort
	Cert, Key, CA string // PEM files: own chain, its key, whom to trust; Issue makes them
	Bulkhead      string // executable of bulkhead: some peers are hidden commands of it
}

// Command is a process to start: in the foreground, and SIGTERM ends it and whatever it has started.
type Command struct {
	Argv  []string // empty: there is nothing to start
	Env   []string // beside the caller's
	Ready netip.AddrPort
	// Config is the file that was written, if there is one.
	Config string
}

// NotInstalledError is a peer whose program this machine lacks.
type NotInstalledError struct {
	Peer    string
	Program string
	Mend    string // what brings it
}

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("%s is not installed, which the peer %s is made of: %s", e.Program, e.Peer, e.Mend)
}

// Misuse marks the error for commands: the caller can mend it.
func (e *NotInstalledError) Misuse() bool { return true }

// install is how to mend a missing package.
const install = "make bench-tools (Debian, as root)"
