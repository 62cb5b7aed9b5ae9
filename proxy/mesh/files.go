package mesh

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// files is a mesh file, or a directory of them, as they were looked at last.
type files struct {
	path   string
	dir    fs.FileInfo // the directory as it was; nil: it is a file
	looked time.Time   // when every file was looked at
	known  []*file     // by path
}

// file is one of them. A document that cannot be used is not there, and why it cannot is.
type file struct {
	path     string
	info     fs.FileInfo
	sum      [sha256.Size]byte
	document *document
	refused  error
}

// NoFilesError means that a directory has no mesh file in it. It is not an empty mesh: whoever
// cleared it by mistake would have every workload outside of the mesh.
type NoFilesError struct{ Dir string }

func (e *NoFilesError) Error() string {
	return e.Dir + ": there is no mesh file in it: want names that end in .yaml, .yml or .json"
}

// look reads what changed since the last time, and says whether anything did. Only what looks
// different (size, time, inode) is read, and only what is different counts.
func (f *files) look(now time.Time) (news bool, err error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		f.dir = nil
		return f.read(f.path, []string{f.path})
	}
	// Files that were renamed into a directory change it. Those that were written in place do
	// not, and for them alone thousands need not be looked at that often.
	dir, err := generation(f.path)
	if err != nil {
		return false, err
	}
	if info, err = os.Stat(dir); err != nil {
		return false, err
	}
	if f.dir != nil && !changed(f.dir, info) && now.Sub(f.looked) < watchInterval {
		return false, nil
	}
	paths, err := meshFiles(dir)
	if err != nil {
		return false, err
	}
	news, err = f.read(dir, paths)
	if err == nil {
		f.dir, f.looked = info, now
	}
	return news, err
}

// BesideError means that a directory with a link ..data has a mesh file of its own, which would
// not be read: whoever put it there believes that it is in force.
type BesideError struct{ Path string }

func (e *BesideError) Error() string {
	return e.Path + ": it would not be read, since beside ..data only links through it count: move it into that generation, or remove ..data"
}

// generation is the directory that a volume of Kubernetes shows as it is now: its files are
// links through ..data, which is exchanged in one step. Read through the links, some could be
// of before and some of after.
func generation(dir string) (string, error) {
	current, err := filepath.EvalSymlinks(filepath.Join(dir, "..data"))
	if err != nil {
		return dir, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if !isMesh(e.Name()) {
			continue
		}
		// A link that leads nowhere is left from a generation before.
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err != nil || !strings.HasPrefix(to, "..data"+string(filepath.Separator)) {
			return "", &BesideError{filepath.Join(dir, e.Name())}
		}
	}
	return current, nil
}

func isMesh(name string) bool {
	return !strings.HasPrefix(name, ".") && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

func meshFiles(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir) // in order
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if isMesh(e.Name()) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, &NoFilesError{dir}
	}
	return paths, nil
}

// read makes these the files. Where one cannot be read, nothing has changed.
func (f *files) read(dir string, paths []string) (news bool, err error) {
	old := make(map[string]*file, len(f.known)) // by name: the next generation has the same in another directory
	for _, x := range f.known {
		old[filepath.Base(x.path)] = x
	}
	now := make([]*file, 0, len(paths))
	for _, path := range paths {
		name := filepath.Base(path)
		x, err := old[name].again(path)
		if err != nil {
			return false, err
		}
		news = news || old[name] == nil || x.sum != old[name].sum
		now = append(now, x)
	}
	news = news || len(now) != len(f.known)
	f.known = now
	return news, nil
}

// again is the file as it is now; nil was not there.
func (x *file) again(path string) (*file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if x != nil && x.path == path && !changed(x.info, info) {
		return x, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	next := &file{path: path, info: info, sum: sha256.Sum256(text)}
	var before *document
	if x != nil {
		before = x.document
		if x.sum == next.sum && x.path == path {
			next.document, next.refused = x.document, x.refused
			return next, nil
		}
	}
	if next.document, err = before.read(path, text); err != nil {
		next.document, next.refused = before, fmt.Errorf("mesh file %s: %w", path, err)
	}
	return next, nil
}

// said is what all files say; an error where one of them cannot be used.
func (f *files) said() (all []said, err error) {
	for _, x := range f.known {
		if x.refused != nil {
			err = errors.Join(err, x.refused)
			continue
		}
		all = append(all, x.document.says...)
	}
	return all, err
}

func changed(old, new fs.FileInfo) bool {
	return old == nil || !os.SameFile(old, new) || !old.ModTime().Equal(new.ModTime()) || old.Size() != new.Size()
}
