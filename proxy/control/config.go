package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
)

// Config is what the file says.
type Config struct {
	TrustDomain string           `json:"trustDomain"`
	CADir       string           `json:"caDir"`               // empty: in memory
	Socket      string           `json:"socket"`              // path of the unix socket
	SocketMode  Mode             `json:"socketMode"`          // zero: 0600
	Address     string           `json:"address,omitempty"`   // host:port that is served over TLS as well; empty: none
	RootsFile   string           `json:"rootsFile,omitempty"` // file that gets the roots, PEM, for those who come by the address; empty: none
	TTL         Duration         `json:"ttl"`                 // of an SVID, and the longest that a caller may wish for; zero: 1 h
	RootLife    Duration         `json:"rootLife,omitempty"`  // after which a new root takes over; zero: never
	Mesh        string           `json:"mesh,omitempty"`      // mesh file, or directory of them, watched: what discovery serves, and which identities run on which node
	Views       Views            `json:"views,omitempty"`     // namespaces that a node is shown; default: everything
	Tokens      []bearer.Grant   `json:"tokens"`
	Issued      string           `json:"issued,omitempty"` // file that gets a line for each SVID: identity, public key, end; empty: none
	Now         func() time.Time `json:"-"`                // the CA's clock; nil: time.Now
	Misstate    bool             `json:"-"`                // say policies in a form that no proxy can use: for drills
}

// defaultTTL is an hour: what is stolen with a key is worth no more than that.
const defaultTTL = Duration(time.Hour)

// Duration is a time.Duration that is written as in Go, "90s" or "1h".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Mode is a file mode that is written in octal and quotes, "0660".
type Mode fs.FileMode

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(text []byte) error {
	parsed, err := strconv.ParseUint(string(text), 8, 9)
	*m = Mode(parsed)
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%04o", uint32(m)), nil }

// ConfigError means that the file cannot be used as it is: a mistake of whoever wrote it.
type ConfigError struct {
	Path string // of the file; empty when there is none
	Err  error
}

func (e *ConfigError) Error() string {
	if e.Path == "" {
		return "control config: " + e.Err.Error()
	}
	return fmt.Sprintf("control config %s: %v", e.Path, e.Err)
}
func (e *ConfigError) Unwrap() error { return e.Err }

// Load reads and checks a file. Every error is a *ConfigError.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, &ConfigError{Path: path, Err: err}
	}
	c, err := Parse(text)
	if err != nil {
		return Config{}, &ConfigError{Path: path, Err: err}
	}
	return c, nil
}

// Parse reads and checks the text of a file.
func Parse(text []byte) (Config, error) {
	var c Config
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		return Config{}, err
	}
	return c, c.check()
}

// maxSocketPath is sun_path of sockaddr_un(7) less its zero byte; beyond, bind says "invalid argument" and no more.
const maxSocketPath = 107

func (c Config) check() error {
	// Any identity of the trust domain will do to hold its name to the rules.
	if _, err := identity.New(c.TrustDomain, "x", "x"); err != nil {
		return fmt.Errorf("trustDomain: %w", err)
	}
	switch {
	case c.Socket == "":
		return errors.New("socket is missing")
	case len(c.Socket) > maxSocketPath:
		return fmt.Errorf("socket: a path of %d bytes is longer than the %d that unix sockets can have", len(c.Socket), maxSocketPath)
	case c.TTL < 0:
		return errors.New("ttl is negative")
	case len(c.Tokens) == 0:
		return errors.New("tokens is empty: nobody could ask for an SVID")
	}
	for i, g := range c.Tokens {
		for _, id := range g.Identities {
			if id.TrustDomain() != c.TrustDomain {
				return fmt.Errorf("tokens[%d]: %q is not of trust domain %s", i, id, c.TrustDomain)
			}
		}
	}
	if _, err := bearer.NewTokens(c.Tokens); err != nil {
		return err
	}
	return c.checkNetwork()
}

// checkNetwork is what goes together: an address is of use to those who have the roots, a node's token with a mesh.
func (c Config) checkNetwork() error {
	if c.Address != "" {
		if _, _, err := net.SplitHostPort(c.Address); err != nil {
			return fmt.Errorf("address: %w", err)
		}
		if c.RootsFile == "" {
			return errors.New("address: rootsFile is missing: nobody could check who answers there")
		}
	}
	if i := slices.IndexFunc(c.Tokens, func(g bearer.Grant) bool { return g.Node != "" }); i >= 0 && c.Mesh == "" {
		return fmt.Errorf("tokens[%d]: node %q: mesh is missing: nobody could say what runs on it", i, c.Tokens[i].Node)
	}
	return nil
}
