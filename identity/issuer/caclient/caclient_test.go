package caclient_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/caapi"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
)

// fakeCA answers on a unix socket as the test wants. The real one is in the tests of identity/ca.
func fakeCA(t testing.TB, h http.HandlerFunc) (socket string) {
	socket = filepath.Join(t.TempDir(), "ca.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	s.Start()
	t.Cleanup(s.Close)
	return socket
}

func writeToken(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func testID(t testing.TB) identity.ID {
	id, err := identity.New("td", "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRequest(t *testing.T) {
	var auth string
	socket := fakeCA(t, func(w http.ResponseWriter, r *http.Request) {
		auth = r.Header.Get("Authorization")
		req, err := caapi.DecodeSignRequest(r.Body)
		if err != nil || r.Method != "POST" || r.URL.Path != "/v1/sign" || req.Identity != testID(t) || string(req.CSR) != "csr" {
			t.Errorf("%s %s: %+v, %v", r.Method, r.URL, req, err)
		}
		io.WriteString(w, `{"chain":["AQ==","Ag=="],"roots":["Aw=="]}`)
	})
	file := filepath.Join(t.TempDir(), "token")
	c := caclient.New(socket, file)
	for _, token := range []string{"first", "second"} { // read anew at each call
		writeToken(t, file, " "+token+"\n")
		chain, roots, err := c.Sign(t.Context(), testID(t), []byte("csr"))
		if err != nil || len(chain) != 2 || chain[1][0] != 2 || len(roots) != 1 || roots[0][0] != 3 {
			t.Fatalf("%v, %v, %v", chain, roots, err)
		}
		if auth != "Bearer "+token {
			t.Errorf("Authorization: %s; want the token %s", auth, token)
		}
	}
}

func TestAnswers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	writeToken(t, file, "x")
	tests := []struct {
		name    string
		status  int
		body    string
		message string // of a *StatusError; empty: another error
	}{
		{"a sentence", 403, `{"error":"the token is not good for this"}`, "the token is not good for this"},
		{"no sentence", 503, ``, "Service Unavailable"},
		{"HTML", 500, `<html>`, "Internal Server Error"},
		{"an empty sentence", 401, `{}`, "Unauthorized"},
		{"garbage", 200, `garbage`, ""},
		{"an unknown field", 200, `{"chain":[],"roots":[],"key":"AQ=="}`, ""},
		{"too long", 200, `{"chain":["` + strings.Repeat("AAAA", caapi.MaxBody) + `"]}`, ""},
		{"a redirect", 307, ``, "Temporary Redirect"},
	}
	for _, test := range tests {
		socket := fakeCA(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://elsewhere/v1/sign") // counts with 307 only, and is not followed
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
		})
		chain, roots, err := caclient.New(socket, file).Sign(t.Context(), testID(t), []byte("csr"))
		refused, is := errors.AsType[*caclient.StatusError](err)
		switch {
		case err == nil || chain != nil || roots != nil:
			t.Errorf("%s: no error", test.name)
		case is != (test.message != ""):
			t.Errorf("%s: error %v", test.name, err)
		case is && (refused.Status != test.status || refused.Message != test.message):
			t.Errorf("%s: %+v", test.name, refused)
		}
	}
}

func TestToken(t *testing.T) {
	asked := false
	socket := fakeCA(t, func(http.ResponseWriter, *http.Request) { asked = true })
	dir := t.TempDir()
	writeToken(t, filepath.Join(dir, "empty"), " \n")
	writeToken(t, filepath.Join(dir, "long"), strings.Repeat("x", caapi.MaxToken+1))
	for _, name := range []string{"empty", "long", "missing", "."} {
		_, _, err := caclient.New(socket, filepath.Join(dir, name)).Sign(t.Context(), testID(t), []byte("csr"))
		if err == nil || asked {
			t.Errorf("%s: error %v, asked %v", name, err, asked)
		}
		if name == "missing" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	writeToken(t, file, "x")
	socket := filepath.Join(t.TempDir(), "none.sock")
	_, _, err := caclient.New(socket, file).Sign(t.Context(), testID(t), []byte("csr"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), socket) {
		t.Errorf("%v; want an error that names the socket", err)
	}
}

func TestHangingCA(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	writeToken(t, file, "x")
	ctx, cancel := context.WithCancel(t.Context())
	socket := fakeCA(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // the server notices a caller's end only once the body is read
		cancel()
		<-r.Context().Done()
	})
	if _, _, err := caclient.New(socket, file).Sign(ctx, testID(t), []byte("csr")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want the context's error", err)
	}
}
