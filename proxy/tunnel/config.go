package tunnel

import (
	"errors"
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Config is the `tunnels:` of a node's or a sidecar's file.
type Config struct {
	KeyExchange identity.KeyExchange `json:"keyExchange,omitempty"` // x25519, the default, or x25519mlkem768
	// Pool off gives every stream a tunnel of its own, which ends with it. It is for
	// measurement, where a proxy without a pool is compared with others that have none:
	// each connection then costs a handshake, at both ends and in the budget.
	Pool Switch `json:"pool,omitzero"`
	// Retry off fails a connection whose endpoint cannot be reached, however many others
	// there are, and sets none aside. It is ztunnel's behaviour, to compare with.
	Retry Switch `json:"retry,omitzero"`
	// QUIC on announces HTTP/3 to peers, and goes over to it where a peer announces it. Off, no
	// UDP socket is made.
	QUIC Choice `json:"quic,omitzero"`
	// Migrate on lets a peer's tunnels over QUIC go on when its address has changed: its identity is
	// that of the workload and not of the address. Its open connections are judged anew by the policies,
	// which may be about addresses, and those that are denied there are cut. Off, a tunnel ends when
	// its peer's address changes.
	Migrate Choice `json:"migrate,omitzero"`
}

// Validate refuses what would be taken and do nothing.
func (c Config) Validate() error {
	if c.Migrate.On && !c.QUIC.On {
		return errors.New("tunnels.migrate is about tunnels over QUIC: say quic: on, too, or leave migrate out")
	}
	return nil
}

// Choice is off unless somebody wrote on.
type Choice struct{ On bool }

// UnmarshalJSON implements json.Unmarshaler, as Switch does.
func (c *Choice) UnmarshalJSON(b []byte) error {
	s := Switch{Off: true}
	if string(b) != `null` {
		if err := s.UnmarshalJSON(b); err != nil {
			return err
		}
	}
	c.On = !s.Off
	return nil
}

// MarshalJSON implements json.Marshaler.
func (c Choice) MarshalJSON() ([]byte, error) { return Switch{Off: !c.On}.MarshalJSON() }

// Switch is on unless somebody wrote off.
type Switch struct{ Off bool }

// UnmarshalJSON implements json.Unmarshaler, strictly. YAML 1.1 reads a bare off as
// the boolean, so false is off too.
func (s *Switch) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"off"`, `false`:
		s.Off = true
	case `"on"`, `true`, `null`:
		s.Off = false
	default:
		return fmt.Errorf("%s: say on or off", b)
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (s Switch) MarshalJSON() ([]byte, error) {
	if s.Off {
		return []byte(`"off"`), nil
	}
	return []byte(`"on"`), nil
}
