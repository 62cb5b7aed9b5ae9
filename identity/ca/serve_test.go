package ca_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/caapi"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
)

const token = "s3cret"

func newTokens(t testing.TB) *ca.Tokens {
	tokens, err := ca.NewTokens([]ca.Grant{
		{Token: token, Identities: []identity.ID{mustID(t, "spiffe://td/ns/a/sa/b")}},
		{Token: "other", Identities: []identity.ID{mustID(t, "spiffe://td/ns/a/sa/c")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestNewTokensRefuses(t *testing.T) {
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	for name, grants := range map[string][]ca.Grant{
		"empty token":    {{Token: "", Identities: []identity.ID{id}}},
		"token twice":    {{Token: "x"}, {Token: "x"}},
		"empty identity": {{Token: "x", Identities: []identity.ID{{}}}},
	} {
		if _, err := ca.NewTokens(grants); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// body is a request's JSON, good unless changed.
func body(t testing.TB, change func(*caapi.SignRequest)) string {
	id := mustID(t, "spiffe://td/ns/a/sa/b")
	req := caapi.SignRequest{Identity: id, CSR: mustCSR(t, newKey(t), id)}
	change(&req)
	text, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAPI(t *testing.T) {
	h := newCA(t, ca.Options{}).Handler(newTokens(t))
	good := body(t, func(*caapi.SignRequest) {})
	other := mustID(t, "spiffe://td/ns/a/sa/c")
	bearer := "Bearer " + token
	tests := []struct {
		name, method, path, auth, body string
		want                           int
	}{
		{"good", "POST", "/v1/sign", bearer, good, 200},
		{"good, scheme in small letters", "POST", "/v1/sign", "bearer " + token, good, 200},
		{"no token", "POST", "/v1/sign", "", good, 401},
		{"empty token", "POST", "/v1/sign", "Bearer ", good, 401},
		{"another scheme", "POST", "/v1/sign", "Basic " + token, good, 401},
		{"unknown token", "POST", "/v1/sign", "Bearer s3cre", good, 401},
		{"long token", "POST", "/v1/sign", "Bearer " + strings.Repeat("x", 9000), good, 401},
		{"another's token", "POST", "/v1/sign", "Bearer other", good, 403},
		{"another's identity", "POST", "/v1/sign", bearer, body(t, func(r *caapi.SignRequest) { r.Identity = other }), 403},
		{"another's CSR", "POST", "/v1/sign", bearer, body(t, func(r *caapi.SignRequest) { r.CSR = mustCSR(t, newKey(t), other) }), 400},
		{"no CSR", "POST", "/v1/sign", bearer, body(t, func(r *caapi.SignRequest) { r.CSR = nil }), 400},
		{"garbage as CSR", "POST", "/v1/sign", bearer, body(t, func(r *caapi.SignRequest) { r.CSR = []byte("x") }), 400},
		{"no identity", "POST", "/v1/sign", bearer, body(t, func(r *caapi.SignRequest) { r.Identity = identity.ID{} }), 400},
		{"negative lifetime", "POST", "/v1/sign", bearer, body(t, func(r *caapi.SignRequest) { r.TTLSeconds = -1 }), 400},
		{"endless lifetime", "POST", "/v1/sign", bearer, body(t, func(r *caapi.SignRequest) { r.TTLSeconds = 1 << 62 }), 400},
		{"bad identity", "POST", "/v1/sign", bearer, strings.Replace(good, "spiffe://td/", "spiffe://td/x/", 1), 400},
		{"unknown field", "POST", "/v1/sign", bearer, `{"admin":true,` + good[1:], 400},
		{"two values", "POST", "/v1/sign", bearer, good + good, 400},
		{"something behind", "POST", "/v1/sign", bearer, good + "x", 400},
		{"empty body", "POST", "/v1/sign", bearer, "", 400},
		{"no object", "POST", "/v1/sign", bearer, "[]", 400},
		{"large body", "POST", "/v1/sign", bearer, good + strings.Repeat(" ", caapi.MaxBody), 413},
		{"GET", "GET", "/v1/sign", bearer, "", 405},
		{"another path", "POST", "/v1/revoke", bearer, good, 404},
		{"no path", "GET", "/", "", "", 404},
	}
	for _, test := range tests {
		r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
		if test.auth != "" {
			r.Header.Set("Authorization", test.auth)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		checkAnswer(t, test.name, w, test.want)
	}
}

func checkAnswer(t testing.TB, name string, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s: %d %s; want %d", name, w.Code, w.Body, want)
		return
	}
	if want == http.StatusOK {
		if resp, err := caapi.DecodeSignResponse(w.Body); err != nil || len(resp.Chain) != 2 || len(resp.Roots) != 1 {
			t.Errorf("%s: %v, %d certificates and %d roots", name, err, len(resp.Chain), len(resp.Roots))
		}
		return
	}
	var refused caapi.ErrorResponse
	if err := json.Unmarshal(w.Body.Bytes(), &refused); err != nil || refused.Error == "" {
		t.Errorf("%s: no sentence in %s", name, w.Body)
	}
	if strings.Contains(refused.Error, token) {
		t.Errorf("%s: the sentence has the token in it", name)
	}
}

func TestFaultOfTheCAIsNotTold(t *testing.T) {
	clock := newClock()
	c := newCA(t, ca.Options{Now: clock.now})
	clock.t = clock.t.AddDate(20, 0, 0)
	r := httptest.NewRequest("POST", caapi.SignPath, strings.NewReader(body(t, func(*caapi.SignRequest) {})))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	c.Handler(newTokens(t)).ServeHTTP(w, r)
	checkAnswer(t, "expired CA", w, http.StatusInternalServerError)
}

// TestServe: over a real socket with the real client, and its end.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	socket, tokenFile := filepath.Join(dir, "ca.sock"), filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	c := newCA(t, ca.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx, l, newTokens(t)) }()

	id := mustID(t, "spiffe://td/ns/a/sa/b")
	key := newKey(t)
	client := caclient.New(socket, tokenFile)
	chain, roots, err := client.Sign(t.Context(), id, mustCSR(t, key, id))
	if err != nil {
		t.Fatal(err)
	}
	if svid, err := identity.NewSVID(key, chain, roots); err != nil || svid.ID != id || !bytes.Equal(roots[0], c.Roots()[0]) {
		t.Errorf("what came is no SVID of ours: %v", err)
	}
	idle, err := net.Dial("unix", socket) // a connection that asks nothing must not keep the server
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, _, err := client.Sign(t.Context(), id, mustCSR(t, key, id)); err == nil {
		t.Error("a CA that ended answers")
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "ca.sock"))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := newCA(t, ca.Options{}).Serve(t.Context(), l, newTokens(t)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve ended with %v", err)
	}
}

// FuzzSignRequest feeds the body of a caller who holds a token. Whatever is signed must be for the one identity that
// the token is good for.
func FuzzSignRequest(f *testing.F) {
	c := newCA(f, ca.Options{})
	h := c.Handler(newTokens(f))
	good := body(f, func(*caapi.SignRequest) {})
	f.Add([]byte(good))
	f.Add([]byte(body(f, func(r *caapi.SignRequest) { r.TTLSeconds = 60 })))
	f.Add([]byte(body(f, func(r *caapi.SignRequest) { r.Identity = mustID(f, "spiffe://td/ns/a/sa/c") })))
	f.Add([]byte(strings.Replace(good, "spiffe://td", "SPIFFE://td", 1)))
	f.Add([]byte(`{"identity":"","csr":"AAAA"}`))
	f.Add([]byte(`{"identity":null,"csr":null,"ttlSeconds":1e3}`))
	f.Add([]byte(good + "{}"))
	want := mustID(f, "spiffe://td/ns/a/sa/b")
	f.Fuzz(func(t *testing.T, text []byte) {
		r := httptest.NewRequest("POST", caapi.SignPath, bytes.NewReader(text))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch w.Code {
		case 200:
			checkSigned(t, w, want)
		case 400, 403, 413:
			checkAnswer(t, "refused", w, w.Code)
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}

func checkSigned(t testing.TB, w *httptest.ResponseRecorder, want identity.ID) {
	t.Helper()
	resp, err := caapi.DecodeSignResponse(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := leafURIs(t, resp.Chain[0]); len(got) != 1 || got[0] != want.String() {
		t.Fatalf("signed for %v", got)
	}
}
