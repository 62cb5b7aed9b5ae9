package identity

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// Limits of an ID in bytes.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#23-maximum-spiffe-id-length
const (
	maxID          = 2048
	maxTrustDomain = 255
)

var (
	errTooLong   = fmt.Errorf("longer than %d bytes", maxID)
	errTDTooLong = fmt.Errorf("trust domain longer than %d bytes", maxTrustDomain)
	errShape     = errors.New("not of the form spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT")
)

// IDError says why a text is not an identity.
type IDError struct {
	Text string // what was given, cut to a readable length
	Err  error
}

func (e *IDError) Error() string { return fmt.Sprintf("identity %q: %v", e.Text, e.Err) }
func (e *IDError) Unwrap() error { return e.Err }

func idError(text string, err error) error {
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return &IDError{Text: text, Err: err}
}

// ID is the identity of a workload: spiffe://<trust domain>/ns/<namespace>/sa/<service account>. It is comparable and
// cannot be built wrong; the zero value means "no identity".
type ID struct {
	// go-spiffe's ID is one string and the index of its path, so == compares what String shows.
	id spiffeid.ID
}

// New makes the identity of a service account.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#2-spiffe-identity
func New(trustDomain, namespace, serviceAccount string) (ID, error) {
	text := "spiffe://" + trustDomain + "/ns/" + namespace + "/sa/" + serviceAccount
	// Parsing what was joined, instead of checking the parts, keeps one set of rules: a part with a slash in it
	// makes a sixth segment and fails there.
	return Parse(text)
}

// Parse reads an identity of exactly five segments, as ztunnel's Identity::from_str does, and holds it to the SPIFFE
// character set. Unlike ztunnel it refuses empty segments ("spiffe://td/ns//sa/"), which SPIFFE-ID 2.2 forbids.
func Parse(s string) (ID, error) {
	if len(s) > maxID {
		return ID{}, idError(s, errTooLong)
	}
	id, err := spiffeid.FromString(s)
	if err != nil {
		return ID{}, idError(s, err)
	}
	return fromSPIFFE(id)
}

// fromURI reads the identity out of a URI SAN. url.URL.String keeps percent escapes, so that an escaped spelling of an
// identity is refused and does not become a second name for it.
func fromURI(u *url.URL) (ID, error) { return Parse(u.String()) }

func fromSPIFFE(id spiffeid.ID) (ID, error) {
	if len(id.TrustDomain().Name()) > maxTrustDomain {
		return ID{}, idError(id.String(), errTDTooLong)
	}
	parts := strings.Split(id.Path(), "/")
	if len(parts) != 5 || parts[1] != "ns" || parts[3] != "sa" {
		return ID{}, idError(id.String(), errShape)
	}
	return ID{id: id}, nil
}

// String returns the URI, or "" for the zero value.
func (id ID) String() string { return id.id.String() }

// IsZero tells whether id is "no identity".
func (id ID) IsZero() bool { return id.id.IsZero() }

// TrustDomain returns the part after spiffe://.
func (id ID) TrustDomain() string { return id.id.TrustDomain().Name() }

// Namespace returns the segment after ns.
func (id ID) Namespace() string { namespace, _ := id.split(); return namespace }

// ServiceAccount returns the segment after sa.
func (id ID) ServiceAccount() string { _, account := id.split(); return account }

func (id ID) split() (namespace, serviceAccount string) {
	if id.IsZero() {
		return "", ""
	}
	namespace, serviceAccount, _ = strings.Cut(strings.TrimPrefix(id.id.Path(), "/ns/"), "/sa/")
	return namespace, serviceAccount
}

// MarshalText returns the URI; the zero value becomes the empty text.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is Parse, except that the empty text becomes the zero value: what MarshalText wrote is always read back.
// Whoever needs an identity checks IsZero.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
