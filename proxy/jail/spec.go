package jail

import (
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// Spec is the jail and the program in it.
type Spec struct {
	Netns      int      // descriptor of the network namespace to enter, closed then; -1: stay; or EmptyNetns
	Cgroups    []string // directories of the groups to join, absolute
	UID, GID   int      // 0: keep. With either, supplementary groups are given up
	Caps       []string // the capabilities that the program has: "net_raw", "sys_admin"
	NoNewPrivs bool
	NoFile     int  // descriptors that the program may have open; 0: as many as the shim
	Seccomp    bool // only the system calls that a cell makes; needs NoNewPrivs
	Landlock   bool // no file but the program itself; needs NoNewPrivs
	// NoRaw leaves a program every system call but those that make raw and packet sockets: for
	// one that has NET_RAW and is more than a cell, as a sidecar is. Needs NoNewPrivs.
	NoRaw bool
	// Listen are the TCP ports that the program may bind and listen on, where Seccomp
	// and Landlock otherwise let it do neither: custody: cell.
	Listen []uint16
	// Datagrams lets the program speak QUIC through UDP sockets that it is given: it still makes none.
	Datagrams bool
	// Files is how many descriptors, from 3 on, the program inherits. 0: one, the
	// channel on fd 3. -1: none. All others are closed.
	Files int
	Argv  []string // the program; looked up in PATH when it has no slash
	Env   []string // nil: the shim's own. Not among Args: the parent sets the shim's
}

// EmptyNetns as Spec.Netns is a new network namespace with nothing in it: for a program that
// opens its sockets in others, of which it has descriptors.
const EmptyNetns = -2

// firstFD is the first descriptor after stdin, stdout and stderr.
const firstFD = 3

// Args are the arguments of the shim: `bulkhead-node shim` + Args.
func (s Spec) Args() []string {
	args := []string{"--netns-fd=" + strconv.Itoa(s.Netns), "--files=" + strconv.Itoa(s.Files)}
	for _, dir := range s.Cgroups {
		args = append(args, "--cgroup="+dir)
	}
	if s.UID != 0 {
		args = append(args, "--uid="+strconv.Itoa(s.UID))
	}
	if s.GID != 0 {
		args = append(args, "--gid="+strconv.Itoa(s.GID))
	}
	if s.NoFile != 0 {
		args = append(args, "--nofile="+strconv.Itoa(s.NoFile))
	}
	if len(s.Caps) > 0 {
		args = append(args, "--caps="+strings.Join(s.Caps, ","))
	}
	if s.NoNewPrivs {
		args = append(args, "--no-new-privs")
	}
	if s.Seccomp {
		args = append(args, "--seccomp")
	}
	if s.Landlock {
		args = append(args, "--landlock")
	}
	if s.NoRaw {
		args = append(args, "--no-raw")
	}
	if s.Datagrams {
		args = append(args, "--datagrams")
	}
	for _, port := range s.Listen {
		args = append(args, "--listen="+strconv.Itoa(int(port)))
	}
	return append(append(args, "--"), s.Argv...)
}

// ParseArgs is the inverse of Args. Its errors are *Error of step "arguments".
func ParseArgs(args []string) (Spec, error) {
	s := Spec{}
	flags := flag.NewFlagSet("shim", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all, once
	flags.IntVar(&s.Netns, "netns-fd", -1, "")
	flags.IntVar(&s.UID, "uid", 0, "")
	flags.IntVar(&s.GID, "gid", 0, "")
	flags.IntVar(&s.Files, "files", 0, "")
	flags.IntVar(&s.NoFile, "nofile", 0, "")
	flags.BoolVar(&s.NoNewPrivs, "no-new-privs", false, "")
	flags.BoolVar(&s.Seccomp, "seccomp", false, "")
	flags.BoolVar(&s.Landlock, "landlock", false, "")
	flags.BoolVar(&s.NoRaw, "no-raw", false, "")
	flags.BoolVar(&s.Datagrams, "datagrams", false, "")
	flags.Func("listen", "", func(text string) error {
		port, err := strconv.ParseUint(text, 10, 16)
		s.Listen = append(s.Listen, uint16(port))
		return err
	})
	flags.Func("cgroup", "", func(dir string) error {
		s.Cgroups = append(s.Cgroups, dir)
		return nil
	})
	flags.Func("caps", "", func(list string) error {
		s.Caps = append(s.Caps, strings.Split(list, ",")...)
		return nil
	})
	err := flags.Parse(args)
	if err == nil {
		s.Argv = flags.Args()
		err = s.check()
	}
	if err != nil {
		return Spec{}, &Error{Step: StepArguments, Err: err}
	}
	return s, nil
}

// check finds what no kernel needs to be asked about.
func (s Spec) check() error {
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return fmt.Errorf("no program: it follows `--`")
	}
	if s.Files < -1 || s.Files > 1000 {
		return fmt.Errorf("--files %d is not from -1 to 1000", s.Files)
	}
	if s.NoFile < 0 || s.NoFile > 0 && s.NoFile <= s.firstClosed() {
		return fmt.Errorf("--nofile %d is not above the descriptors that the program inherits", s.NoFile)
	}
	if s.Netns != -1 && s.Netns != EmptyNetns && s.Netns < s.firstClosed() {
		return fmt.Errorf("--netns-fd %d is not above the program's own descriptors, which end with %d", s.Netns, s.firstClosed()-1)
	}
	// 1<<32-1 means "as it is" to setresuid: it would silently leave root.
	if s.UID < 0 || s.UID >= 1<<32-1 || s.GID < 0 || s.GID >= 1<<32-1 {
		return fmt.Errorf("--uid %d --gid %d: not from 0 to %d", s.UID, s.GID, 1<<32-2)
	}
	if s.Seccomp && s.NoRaw {
		return fmt.Errorf("--no-raw is part of --seccomp: give one of them")
	}
	if (s.Seccomp || s.Landlock || s.NoRaw) && !s.NoNewPrivs {
		return fmt.Errorf("--seccomp, --no-raw and --landlock need --no-new-privs: a program with more privileges than its user could be fooled by them")
	}
	for _, dir := range s.Cgroups {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("--cgroup %q is not an absolute path", dir)
		}
	}
	_, err := capabilityBits(s.Caps)
	return err
}

// firstClosed is the first descriptor that the program does not inherit.
func (s Spec) firstClosed() int {
	switch s.Files {
	case -1:
		return firstFD
	case 0:
		return firstFD + 1
	}
	return firstFD + s.Files
}
