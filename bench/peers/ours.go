package peers

import "errors"

// HiddenCommand is the command of bulkhead that runs the peers which are ours.
const HiddenCommand = "peer"

// Names of its subcommands.
const (
	HiddenSplice = "splice"
	HiddenClient = "xnet-client"
	HiddenServer = "xnet-server"

	HiddenQUICClient = "quic-client"
	HiddenQUICServer = "quic-server"
)

func splice(_ string, s Side) (Command, error) { return hidden(s, HiddenSplice) }

func xnetClient(_ string, s Side) (Command, error) { return hidden(s, HiddenClient, tlsFlags(s)...) }
func xnetServer(_ string, s Side) (Command, error) { return hidden(s, HiddenServer, tlsFlags(s)...) }

func quicClient(_ string, s Side) (Command, error) {
	return hidden(s, HiddenQUICClient, tlsFlags(s)...)
}
func quicServer(_ string, s Side) (Command, error) {
	return hidden(s, HiddenQUICServer, tlsFlags(s)...)
}

func tlsFlags(s Side) []string { return []string{"--cert", s.Cert, "--key", s.Key, "--ca", s.CA} }

func hidden(s Side, which string, more ...string) (Command, error) {
	if s.Bulkhead == "" {
		return Command{}, errors.New("the peers that are ours need the executable of bulkhead")
	}
	argv := []string{s.Bulkhead, HiddenCommand, which, "--listen", s.Listen.String(), "--next", s.Next.String()}
	return Command{Argv: append(argv, more...), Env: []string{"GOMAXPROCS=1"}, Ready: s.Listen}, nil
}
