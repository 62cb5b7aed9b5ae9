package peers

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed ztunnel.yaml.tmpl
var ztunnelText string

var ztunnelYAML = template.Must(template.New("ztunnel.yaml").Parse(ztunnelText))

// ZtunnelName is the peer that only its user can bring.
const ZtunnelName = "ztunnel"

// Ports that ztunnel has built in.
const (
	ztunnelOutbound = 15001
	ztunnelInbound  = 15008
)

// Ztunnel is the peer made of a ztunnel in a file: in dedicated mode, one for each pod, with its workloads from a file
// instead of a control plane, and one worker thread.
//
// The executable must be built with `cargo build --release --features testing`: any other asks a CA of Istio's for its
// certificates, which it takes from no file, and this lab has none that speaks gRPC. With the feature it makes them itself, on
// a root that every such build has. Two things are then not the same for all: the certificates, and the cipher, as ztunnel
// prefers TLS_AES_256_GCM_SHA384 and has no setting for it. It finds the original destination of a redirected
// connection, so that it carries nothing that was dialled to it.
//
// No ztunnel was there to run this with: that the configuration is understood was checked by reading its source.
func Ztunnel(path string) Peer {
	return Peer{
		Name: ZtunnelName, TLS: true, Near: ztunnelOutbound, Between: ztunnelInbound,
		About:  "ztunnel in dedicated mode (cargo build --release --features testing: certificates of its own; AES-256 by its own choice)",
		client: ztunnel(path, clientEnd), server: ztunnel(path, serverEnd),
		version: []string{path, "version"},
	}
}

func ztunnel(path string, e end) func(string, Side) (Command, error) {
	return func(dir string, s Side) (Command, error) {
		port, server := uint16(ztunnelOutbound), s.Next
		if e == serverEnd {
			port, server = ztunnelInbound, s.Listen
		}
		if s.Listen.Port() != port || server.Port() != ztunnelInbound || !server.Addr().Is4() {
			return Command{}, fmt.Errorf("ztunnel: its %s's end listens at port %d and the server's at %d, IPv4, and at no others: not %v and %v",
				e, port, ztunnelInbound, s.Listen, s.Next)
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return Command{}, &NotInstalledError{ZtunnelName, path, "--ztunnel names a file that is there"}
		}
		file, err := factsOf(dir, s, false, e).write(dir, "ztunnel.yaml", ztunnelYAML)
		if err != nil {
			return Command{}, err
		}
		return Command{Argv: []string{path, "proxy"}, Env: ztunnelEnv(file, e), Ready: netip.AddrPortFrom(s.Listen.Addr(), port), Config: file}, nil
	}
}

// ztunnelEnv is its configuration but for the workloads.
func ztunnelEnv(file string, e end) []string {
	return []string{
		"PROXY_MODE=dedicated",
		"PROXY_WORKLOAD_INFO=peers/" + string(e) + "/" + string(e),
		"NODE_NAME=" + string(e) + "-node",
		"LOCAL_XDS_PATH=" + filepath.Clean(file),
		"XDS_ADDRESS=",
		"FAKE_CA=true",
		"ZTUNNEL_WORKER_THREADS=1",
		"IPV6_ENABLED=false",
		"ENABLE_ORIG_SRC=false", // the others show the application their own address as well
		"RUST_LOG=error",
	}
}

// Server is the address of the pod that the server's end is in.
func (f facts) Server() netip.Addr {
	if f.Client {
		return f.Next.Addr()
	}
	return f.Listen.Addr()
}
