package ca

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/caapi"
)

// Bounds of the server. Requests are small, local and rare; whoever needs more is broken or hostile.
const (
	maxConns     = 256
	maxHeader    = 16 << 10
	readTimeout  = 10 * time.Second
	idleTimeout  = 30 * time.Second
	drainTimeout = time.Second // a request takes a millisecond; a connection that never asked is waited for, too
)

// Serve answers the API of package caapi on l until ctx is done; then it lets running requests end, cuts them after a second,
// and returns nil. It closes l.
func (c *CA) Serve(ctx context.Context, l net.Listener, a Authorizer) error {
	s := &http.Server{
		Handler:           c.Handler(a),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(c.o.Logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go acceptRequests(s, netutil.LimitListener(l, maxConns), served)
	select {
	case err := <-served: // the listener broke
		s.Close()
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if s.Shutdown(drain) != nil {
		s.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// acceptRequests is Serve's goroutine; Serve receives its one answer before it returns.
func acceptRequests(s *http.Server, l net.Listener, served chan<- error) { served <- s.Serve(l) }

// Handler returns the API, for a server that is not Serve's.
func (c *CA) Handler(a Authorizer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(caapi.SignPath, func(w http.ResponseWriter, r *http.Request) {
		resp, err := c.serveSign(w, r, a)
		if err != nil {
			c.refuse(w, err)
			return
		}
		writeJSON(w, http.StatusOK, resp)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.refuse(w, &refusal{http.StatusNotFound, "there is only POST " + caapi.SignPath})
	})
	return mux
}

// refusal is an answer other than 200.
type refusal struct {
	status   int
	sentence string
}

func (r *refusal) Error() string { return r.sentence }

// serveSign is one request: who asks, what for, may they, sign.
func (c *CA) serveSign(w http.ResponseWriter, r *http.Request, a Authorizer) (*caapi.SignResponse, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &refusal{http.StatusMethodNotAllowed, "use POST"}
	}
	token, ok := bearer(r.Header)
	if !ok {
		return nil, &refusal{http.StatusUnauthorized, "a bearer token is missing"}
	}
	req, err := caapi.DecodeSignRequest(http.MaxBytesReader(w, r.Body, caapi.MaxBody))
	if err != nil {
		return nil, badBody(err)
	}
	if err := authorize(a, token, req.Identity); err != nil {
		return nil, err
	}
	chain, roots, err := c.Sign(req.CSR, req.Identity, req.TTL())
	if err != nil {
		return nil, err
	}
	c.o.Logger.Info("SVID signed", "identity", req.Identity)
	return &caapi.SignResponse{Chain: chain, Roots: roots}, nil
}

func authorize(a Authorizer, token string, id identity.ID) error {
	err := a.Authorize(token, id)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnknownToken):
		return &refusal{http.StatusUnauthorized, err.Error()}
	}
	return &refusal{http.StatusForbidden, err.Error()}
}

func badBody(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &refusal{http.StatusRequestEntityTooLarge, large.Error()}
	}
	return &refusal{http.StatusBadRequest, "the body is no request: " + err.Error()}
}

// bearer reads the token.
// https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func bearer(h http.Header) (string, bool) {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != "" && len(token) <= caapi.MaxToken
}

func (c *CA) refuse(w http.ResponseWriter, err error) {
	status, sentence := http.StatusInternalServerError, "the CA failed; its log says why"
	if r, ok := errors.AsType[*refusal](err); ok {
		status, sentence = r.status, r.sentence
	} else if _, ok := errors.AsType[*RequestError](err); ok {
		status, sentence = http.StatusBadRequest, err.Error()
	}
	c.o.Logger.Warn("SVID refused", "status", status, "error", err)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, status, caapi.ErrorResponse{Error: sentence})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // an error here means that the caller has gone
}
