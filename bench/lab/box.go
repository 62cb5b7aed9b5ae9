package lab

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// BoxCommand is the first argument with which the lab runs this executable again to
// become a container.
const BoxCommand = "lab-box"

// box is what a kubelet makes around the process of a container, besides its network and
// its cgroup: a pid namespace, and a root of its own with the files that the manifest
// mounts and no others. What is in it is at the same path as outside.
type box struct {
	read    []string // files and directories, read only
	write   []string // directories
	cgroups []string // joined before their files are out of sight
}

// flags are those of clone for whoever starts it.
const boxFlags = unix.CLONE_NEWPID | unix.CLONE_NEWNS

// argv is the command line that becomes argv in the box.
func (l *Lab) argv(b box, argv []string) []string {
	all := []string{l.bin("bulkhead"), BoxCommand, "--root", l.path(boxRoot)}
	for _, p := range b.read {
		all = append(all, "--read", p)
	}
	for _, p := range b.write {
		all = append(all, "--write", p)
	}
	for _, p := range b.cgroups {
		all = append(all, "--cgroup", p)
	}
	return append(append(all, "--"), argv...)
}

// boxRoot is the directory that every box mounts its root on, each in its own mount
// namespace.
const boxRoot = "box"

// Box becomes a container: args are what follows BoxCommand. It returns only if it
// failed. The process must be the first of new pid and mount namespaces.
func Box(args []string) error {
	var b box
	flags := flag.NewFlagSet(BoxCommand, flag.ContinueOnError)
	root := flags.String("root", "", "")
	into := func(list *[]string) func(string) error {
		return func(s string) error { *list = append(*list, s); return nil }
	}
	flags.Func("read", "", into(&b.read))
	flags.Func("write", "", into(&b.write))
	flags.Func("cgroup", "", into(&b.cgroups))
	if err := flags.Parse(args); err != nil {
		return &Misuse{err.Error()}
	}
	argv := flags.Args()
	if os.Getpid() != 1 || *root == "" || len(argv) == 0 {
		return &Misuse{BoxCommand + " is for the lab itself: use bulkhead lab up"}
	}
	if err := b.join(); err != nil {
		return fmt.Errorf("box: cgroup: %w", err)
	}
	if err := b.enter(*root); err != nil {
		return fmt.Errorf("box: %w", err)
	}
	return fmt.Errorf("box: %s: %w", argv[0], syscall.Exec(argv[0], argv, os.Environ()))
}

// join writes 0, which is the writing process whatever its pid is called outside.
func (b box) join() error {
	for _, dir := range b.cgroups {
		f, err := os.OpenFile(filepath.Join(dir, "cgroup.procs"), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("0")
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// enter builds the root and leaves everything else behind.
func (b box) enter(root string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,mode=755"); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	for _, path := range append([]string{"/dev/null"}, b.read...) {
		if err := bind(path, root+path, path != "/dev/null"); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, path := range b.write {
		if err := bind(path, root+path, false); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := os.Mkdir(root+"/proc", 0o755); err != nil {
		return err
	}
	if err := unix.Mount("proc", root+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	return moveInto(root)
}

// bind shows what is at path at another place, too.
func bind(path, place string, readOnly bool) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	parent := place
	if !st.IsDir() {
		parent = filepath.Dir(place)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	if !st.IsDir() {
		if err := os.WriteFile(place, nil, 0o644); err != nil {
			return err
		}
	}
	if err := unix.Mount(path, place, "", unix.MS_BIND, ""); err != nil || !readOnly {
		return err
	}
	// Not a remount, which would have to repeat flags that are locked in a user namespace.
	err = unix.MountSetattr(unix.AT_FDCWD, place, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if errors.Is(err, unix.ENOSYS) {
		return nil // before Linux 5.12: its mode protects it
	}
	return err
}

// moveInto makes a directory the root and lets go of the old one (pivot_root(2), notes).
func moveInto(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("letting go of the old root: %w", err)
	}
	return unix.Chdir("/")
}
