package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Files of the base directory.
const (
	lockFile   = "lab.lock" // held by the outer process of the exclusive lab
	socketFile = "lab.sock" // through which lab exec, status and down speak
)

// maxBase leaves room in the 107 bytes of a unix socket's path for the longest name
// of a lab and of a socket in its directory.
const maxBase = 107 - len("/bulkhead-lab-4194304-99999999999999-4294967295/admin-node-3.sock")

// Base is the directory of this user in which labs keep their files, made when it
// is missing: $XDG_RUNTIME_DIR/bulkhead (give its value, the environment is the
// caller's), /run/bulkhead for root, /tmp/bulkhead-UID otherwise.
func Base(xdgRuntimeDir string) (string, error) {
	uid := os.Geteuid()
	return firstUsable(bases(xdgRuntimeDir, uid), uid)
}

func firstUsable(dirs []string, uid int) (string, error) {
	var errs []error
	for _, dir := range dirs {
		if len(dir) > maxBase {
			errs = append(errs, fmt.Errorf("%s is longer than the %d bytes that leave room for a socket's name", dir, maxBase))
			continue
		}
		err := makeOwn(dir, uid)
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", &Misuse{fmt.Sprintf("no directory for the lab's files: %v; set XDG_RUNTIME_DIR to a directory of yours", errors.Join(errs...))}
}

func bases(xdgRuntimeDir string, uid int) []string {
	var dirs []string
	if filepath.IsAbs(xdgRuntimeDir) {
		dirs = append(dirs, filepath.Join(xdgRuntimeDir, "bulkhead"))
	}
	if uid == 0 {
		dirs = append(dirs, "/run/bulkhead")
	}
	return append(dirs, fmt.Sprintf("/tmp/bulkhead-%d", uid))
}

// makeOwn makes a directory that nobody else can read, or checks that it is one:
// in /tmp anybody could have made it before us.
func makeOwn(dir string, uid int) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner := st.Sys().(*syscall.Stat_t).Uid
	switch {
	case !st.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case int(owner) != uid:
		return fmt.Errorf("%s belongs to uid %d", dir, owner)
	case st.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s is open to others (%v)", dir, st.Mode().Perm())
	}
	return nil
}
