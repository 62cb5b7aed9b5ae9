package issuer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

var errAway = errors.New("the CA is away")

// signer is a Signer with a real CA behind it, which notes when it was called and answers as the test wants.
type signer struct {
	ca *ca.CA

	mu     sync.Mutex
	calls  []time.Time
	answer func(ctx context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error) // nil: the CA's
}

func newSigner(t testing.TB, ttl time.Duration) *signer {
	authority, err := ca.New(ca.Options{TrustDomain: "td", TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return &signer{ca: authority}
}

func (s *signer) Sign(ctx context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error) {
	s.mu.Lock()
	s.calls = append(s.calls, time.Now())
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		return answer(ctx, id, csr)
	}
	return s.ca.Sign(csr, id, 0)
}

func (s *signer) answerWith(f func(ctx context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *signer) fail() {
	s.answerWith(func(context.Context, identity.ID, []byte) (chain, roots [][]byte, err error) {
		return nil, nil, errAway
	})
}

func (s *signer) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.calls...)
}

func testID(t testing.TB) identity.ID {
	id, err := identity.New("td", "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// run starts an issuer in the bubble and ends it with the test.
func run(t *testing.T, s issuer.Signer, o issuer.Options) *issuer.Issuer {
	i := issuer.New(testID(t), s, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	synctest.Wait()
	return i
}

func mustSVID(t testing.TB, i *issuer.Issuer) *identity.SVID {
	t.Helper()
	s, err := i.SVID()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pass lets time pass, and what is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
