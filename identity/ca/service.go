package ca

import (
	"context"
	"encoding/pem"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	security "istio.io/api/security/v1alpha1"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Authorizer says whether the caller of a request may have an SVID: nil, or a gRPC status. Impersonated is false when the
// caller asks for itself. It is called from many goroutines.
type Authorizer func(ctx context.Context, id identity.ID, impersonated bool) error

// Service serves Istio's CA API. Register it:
//
//	security.RegisterIstioCertificateServiceServer(server, authority.Service(authorize))
type Service struct {
	security.UnimplementedIstioCertificateServiceServer
	ca        *CA
	authorize Authorizer
}

// Service is the CA as whoever a may have it.
func (c *CA) Service(a Authorizer) *Service { return &Service{ca: c, authorize: a} }

// maxTTLSeconds keeps a wish from overflowing; the CA has a smaller limit of its own.
const maxTTLSeconds = int64(100 * 365 * 24 * time.Hour / time.Second)

// CreateCertificate is one request: what for, may they, sign.
func (s *Service) CreateCertificate(ctx context.Context, q *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error) {
	answer, id, err := s.create(ctx, q)
	if err != nil {
		s.ca.o.Logger.Warn("SVID refused", "identity", id, "error", err)
		return nil, answered(err)
	}
	s.ca.o.Logger.Info("SVID signed", "identity", id)
	return answer, nil
}

func (s *Service) create(ctx context.Context, q *security.IstioCertificateRequest) (*security.IstioCertificateResponse, identity.ID, error) {
	csr, err := csrOf(q)
	if err != nil {
		return nil, identity.ID{}, &RequestError{err}
	}
	id, impersonated, err := asked(q, csr)
	if err != nil {
		return nil, id, &RequestError{err}
	}
	if s := q.GetValidityDuration(); s < 0 || s > maxTTLSeconds {
		return nil, id, &RequestError{errors.New("validity_duration is out of range")}
	}
	if err := s.authorize(ctx, id, impersonated); err != nil {
		return nil, id, err
	}
	chain, roots, err := s.ca.Sign(csr, id, time.Duration(q.GetValidityDuration())*time.Second)
	if err != nil {
		return nil, id, err
	}
	return &security.IstioCertificateResponse{CertChain: encoded(chain, roots)}, id, nil
}

// answered is the status that a caller gets: its own mistakes in words, the CA's not.
func answered(err error) error {
	if _, ok := errors.AsType[*RequestError](err); ok {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.Error(codes.Internal, "the CA failed; its log says why")
}

// encoded is a chain as the API wants it: one certificate in each element, and the roots, all of them, in the last one.
func encoded(chain, roots [][]byte) []string {
	all := make([]string, 0, len(chain)+1)
	for _, c := range chain {
		all = append(all, string(certificatePEM(c)))
	}
	return append(all, string(bundlePEM(roots)))
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der})
}

// bundlePEM is the roots one after another.
func bundlePEM(roots [][]byte) (text []byte) {
	for _, r := range roots {
		text = append(text, certificatePEM(r)...)
	}
	return text
}
