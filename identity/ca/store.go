package ca

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// fileName is the one file of a stored CA: root, its key, intermediate, its key, as PEM. One file, so that a crash cannot
// leave a certificate beside the key of another.
const fileName = "ca.pem"

// maxFile bounds what Load reads; a CA is about 2 KiB.
const maxFile = 64 << 10

// Open loads the CA in dir, or makes one and saves it there.
func Open(dir string, o Options) (*CA, error) {
	c, err := Load(dir, o)
	if !errors.Is(err, fs.ErrNotExist) {
		return c.storedIn(dir), err
	}
	if c, err = New(o); err != nil {
		return nil, err
	}
	if err := c.Save(dir); !errors.Is(err, fs.ErrExist) {
		return c.storedIn(dir), err
	}
	c, err = Load(dir, o)
	return c.storedIn(dir), err // another process was faster; its root is the one that counts
}

// storedIn has a rotation of roots written to where the CA came from.
func (c *CA) storedIn(dir string) *CA {
	if c != nil {
		c.dir = dir
	}
	return c
}

// replace writes the CA over what is there. The caller holds mu.
func (c *CA) replace() error {
	text, err := c.encode()
	if err != nil {
		return err
	}
	tmp, err := writeTemporary(c.dir, text)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(c.dir, fileName)); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}

// writeTemporary writes a file that is complete before it has its name.
func writeTemporary(dir string, text []byte) (path string, err error) {
	tmp, err := os.CreateTemp(dir, fileName+".*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = tmp.Write(text)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		os.Remove(tmp.Name())
		return "", err
	}
	return tmp.Name(), nil
}

// Save writes the CA to dir, which is made if need be. A CA that is there already is not overwritten (fs.ErrExist): its
// root cannot be had again.
func (c *CA) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	c.mu.Lock()
	text, err := c.encode()
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	tmp, err := writeTemporary(dir, text)
	if err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	defer os.Remove(tmp)
	// Link instead of rename: it appears whole as well, and fails where something is.
	if err := os.Link(tmp, filepath.Join(dir, fileName)); err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	return nil
}

// Load reads the CA that Save wrote. It refuses a file that others may read, and one of another trust domain.
func Load(dir string, o Options) (*CA, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	path := filepath.Join(dir, fileName)
	text, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	c := &CA{o: o.withDefaults()}
	if err := c.decode(text); err != nil {
		return nil, fmt.Errorf("ca: %s: %w", path, err)
	}
	return c, nil
}

func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s holds private keys and has mode %04o; it must be 0600", path, st.Mode().Perm())
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"
	headerBegun    = "Begun" // of the rotation to the root that follows
)

func (c *CA) encode() ([]byte, error) {
	var out []byte
	all := []authority{c.root, c.intermediate}
	if c.next != nil {
		all = append(all, c.next.root, c.next.intermediate)
	}
	for i, a := range all {
		key, err := x509.MarshalPKCS8PrivateKey(a.key)
		if err != nil {
			return nil, err
		}
		var headers map[string]string
		if i == 2 {
			headers = map[string]string{headerBegun: c.next.begun.Format(time.RFC3339Nano)}
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Headers: headers, Bytes: a.cert.Raw})...)
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: key})...)
	}
	return out, nil
}

func (c *CA) decode(text []byte) (err error) {
	if c.root, c.intermediate, text, err = c.decodePair(text); err != nil {
		return err
	}
	if len(text) > 0 {
		if text, err = c.decodeNext(text); err != nil {
			return fmt.Errorf("the next root: %w", err)
		}
	}
	if len(text) != 0 {
		return errors.New("something follows the last key")
	}
	if c.o.Now().After(c.root.cert.NotAfter) {
		return fmt.Errorf("the root expired at %s", c.root.cert.NotAfter)
	}
	return nil
}

// decodeNext reads the root that is taking over.
func (c *CA) decodeNext(text []byte) (rest []byte, err error) {
	b, _ := pem.Decode(text)
	if b == nil {
		return nil, errors.New("want a CERTIFICATE block")
	}
	begun, err := time.Parse(time.RFC3339Nano, b.Headers[headerBegun])
	if err != nil {
		return nil, fmt.Errorf("header %s: %w", headerBegun, err)
	}
	root, intermediate, rest, err := c.decodePair(text)
	c.next = &succession{root, intermediate, begun}
	return rest, err
}

func (c *CA) decodePair(text []byte) (root, intermediate authority, rest []byte, err error) {
	if root, text, err = decodeAuthority(text); err != nil {
		return root, intermediate, nil, fmt.Errorf("root: %w", err)
	}
	if intermediate, text, err = decodeAuthority(text); err != nil {
		return root, intermediate, nil, fmt.Errorf("intermediate: %w", err)
	}
	if err := intermediate.cert.CheckSignatureFrom(root.cert); err != nil {
		return root, intermediate, nil, fmt.Errorf("the intermediate is not the root's: %w", err)
	}
	want := "spiffe://" + c.o.TrustDomain
	for _, u := range slices.Concat(root.cert.URIs, intermediate.cert.URIs) {
		if u.String() != want {
			return root, intermediate, nil, fmt.Errorf("it is the CA of %s, not of %s", u, want)
		}
	}
	return root, intermediate, text, nil
}

func decodeAuthority(text []byte) (a authority, rest []byte, err error) {
	cert, text := pem.Decode(text)
	key, rest := pem.Decode(text)
	if cert == nil || cert.Type != pemCertificate || key == nil || key.Type != pemKey {
		return a, nil, errors.New("want a CERTIFICATE block and then a PRIVATE KEY block")
	}
	if a.cert, err = x509.ParseCertificate(cert.Bytes); err != nil {
		return a, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(key.Bytes)
	if err != nil {
		return a, nil, err
	}
	var ok bool
	if a.key, ok = parsed.(*ecdsa.PrivateKey); !ok || !a.key.PublicKey.Equal(a.cert.PublicKey) {
		return a, nil, errors.New("the key is not the certificate's")
	}
	return a, rest, nil
}
