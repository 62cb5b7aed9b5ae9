package sidecar

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ResetKey is that of stateless resets, by which a sidecar's peers hear from the next process that its connections over
// QUIC are lost. It outlives the process as lives do: a file beside the admin socket, which only its owner may read.
// What cannot be one, or others may have read or put there, is made anew.
//
// A key that is stolen there resets connections of this pod's, to whoever sees their IDs on the wire; it
// opens none and reads nothing. Who can read the file as its owner has the running sidecar's memory, too. It is not made
// of the SVID's key, which no file has and no restart survives.
func ResetKey(socket string) (key [32]byte, err error) {
	path := socket + ".reset"
	if b := ownKey(path); len(b) == len(key) {
		return [32]byte(b), nil
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

// ownKey is what a file of our own has, which nobody else can read or has another name for; nil: there is none.
// An application may share the directory: what it puts there is not followed, waited for, or believed.
func ownKey(path string) []byte {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Mode() != 0o600 || fi.Size() > 32 {
		return nil
	}
	of, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || int(of.Uid) != os.Geteuid() || of.Nlink != 1 {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, 33))
	if err != nil {
		return nil
	}
	return b
}
