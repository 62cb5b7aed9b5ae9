package sidecar

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ResetKey is that of stateless resets, by which a sidecar's peers hear from the next process that its connections over
// QUIC are lost. It outlives the process as lives do: a file beside the admin socket, which only its owner may read.
// What cannot be one, or others may have read, is made anew.
//
// A key that is stolen there resets connections of this pod's, to whoever sees their IDs on the wire; it
// opens none and reads nothing. Who can read the file as its owner has the running sidecar's memory, too. It is not made
// of the SVID's key, which no file has and no restart survives.
func ResetKey(socket string) (key [32]byte, err error) {
	path := socket + ".reset"
	if fi, err := os.Lstat(path); err == nil && fi.Mode() == 0o600 {
		if b, err := os.ReadFile(path); err == nil && len(b) == len(key) {
			return [32]byte(b), nil
		}
	}
	_, _ = rand.Read(key[:]) // never fails
	next := path + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return key, fmt.Errorf("the key of stateless resets: %w", err)
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(key[:])
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		err = fmt.Errorf("the key of stateless resets: %w", err)
	}
	return key, err
}
