package caclient

import (
	"errors"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
)

// Config is where the CA is: a unix socket, or an address with the roots that its certificate is held to.
type Config struct {
	Socket  string `json:"socket,omitempty"`  // path
	Address string `json:"address,omitempty"` // host:port
	Roots   string `json:"roots,omitempty"`   // PEM file; with an address
	Token   string `json:"token"`             // file of the bearer token
}

// Target is what to dial; Check must have passed.
func (c Config) Target() bearer.Target {
	if c.Socket != "" {
		return bearer.Target{Address: "unix://" + c.Socket, Token: c.Token}
	}
	return bearer.Target{Address: c.Address, Roots: c.Roots, Token: c.Token}
}

// Check says what is missing, by the names of the file.
func (c Config) Check() error {
	switch {
	case c.Socket == "" && c.Address == "":
		return errors.New("ca.socket is missing (or ca.address and ca.roots)")
	case c.Socket != "" && (c.Address != "" || c.Roots != ""):
		return errors.New("ca: either socket, or address and roots")
	case c.Token == "":
		return errors.New("ca.token is missing")
	case c.Socket == "" && c.Roots == "":
		return errors.New("ca.roots is missing: the PEM file that the certificate of ca.address is held to")
	}
	if err := c.Target().Check(); err != nil {
		return errors.Join(errors.New("ca"), err)
	}
	return nil
}
