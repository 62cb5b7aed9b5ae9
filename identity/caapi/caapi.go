// Package caapi is the wire of the embedded CA: HTTP with JSON over a unix socket, one call. The server is identity/ca, the
// client identity/issuer/caclient; this package holds what both must agree on, so that a client does not link a CA.
//
//	POST /v1/sign
//	Authorization: Bearer TOKEN
//	{"identity": "spiffe://td/ns/a/sa/b", "csr": BASE64-DER, "ttlSeconds": 3600}
//
//	200 {"chain": [BASE64-DER leaf, BASE64-DER intermediate…], "roots": [BASE64-DER…]}
//	400 | 401 | 403 | 404 | 405 | 413 | 500 {"error": "a sentence"}
//
// ttlSeconds may be left out: the CA then chooses. Values here are plain data; nothing is closed.
package caapi

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// What both ends agree on.
const (
	SignPath = "/v1/sign"
	// MaxBody bounds both bodies. A request is about 600 bytes, an answer about 3 KiB; a bundle of many roots more.
	MaxBody = 64 << 10
	// MaxToken bounds a bearer token; a Kubernetes one is about 1 KiB.
	MaxToken = 8 << 10
)

// SignRequest asks for an SVID.
type SignRequest struct {
	Identity   identity.ID `json:"identity"`
	CSR        []byte      `json:"csr"` // DER
	TTLSeconds int64       `json:"ttlSeconds,omitempty"`
}

// TTL returns the asked lifetime; zero leaves it to the CA.
func (r SignRequest) TTL() time.Duration { return time.Duration(r.TTLSeconds) * time.Second }

// SignResponse is the SVID.
type SignResponse struct {
	Chain [][]byte `json:"chain"` // DER, leaf first
	Roots [][]byte `json:"roots"` // DER
}

// ErrorResponse is every other answer.
type ErrorResponse struct {
	Error string `json:"error"`
}

// maxTTLSeconds keeps TTL from overflowing; CAs have smaller limits of their own.
const maxTTLSeconds = int64(100 * 365 * 24 * time.Hour / time.Second)

// DecodeSignRequest reads a request strictly: one object, no unknown fields, nothing after it. The caller bounds r.
func DecodeSignRequest(r io.Reader) (SignRequest, error) {
	var req SignRequest
	if err := decodeStrict(r, &req); err != nil {
		return SignRequest{}, err
	}
	switch {
	case req.Identity.IsZero():
		return SignRequest{}, errors.New("identity is missing")
	case len(req.CSR) == 0:
		return SignRequest{}, errors.New("csr is missing")
	case req.TTLSeconds < 0 || req.TTLSeconds > maxTTLSeconds:
		return SignRequest{}, errors.New("ttlSeconds is out of range")
	}
	return req, nil
}

// DecodeSignResponse reads an answer as strictly.
func DecodeSignResponse(r io.Reader) (SignResponse, error) {
	var resp SignResponse
	err := decodeStrict(r, &resp)
	return resp, err
}

func decodeStrict(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if err != nil {
			return err
		}
		return errors.New("more than one JSON value")
	}
	return nil
}
