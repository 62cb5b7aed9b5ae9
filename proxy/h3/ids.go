package h3

import (
	"crypto/rand"
	"fmt"

	"github.com/quic-go/quic-go"
)

// IDs makes the connection IDs of a socket. All of them begin with the same byte, by which a
// program in the kernel can tell whose a packet is: a peer writes into each packet the ID
// that we chose, also after its address has changed.
type IDs struct {
	first  byte
	length int
}

// NewIDs makes IDs of length bytes that begin with first. The others are random, and so many that none
// is met twice.
func NewIDs(first byte, length int) (*IDs, error) {
	if length < minID || length > maxID {
		return nil, fmt.Errorf("h3: connection IDs of %d bytes: use %d to %d", length, minID, maxID)
	}
	return &IDs{first, length}, nil
}

const (
	minID = 5  // four random bytes
	maxID = 20 // RFC 9000 section 17.2
)

// GenerateConnectionID implements quic.ConnectionIDGenerator.
func (i *IDs) GenerateConnectionID() (quic.ConnectionID, error) {
	b := make([]byte, i.length)
	_, _ = rand.Read(b) // never fails
	b[0] = i.first
	return quic.ConnectionIDFromBytes(b), nil
}

// ConnectionIDLen implements quic.ConnectionIDGenerator.
func (i *IDs) ConnectionIDLen() int { return i.length }
