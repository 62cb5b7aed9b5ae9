package jail

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArgsAndBack(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		want := randomSpec(r)
		got, err := ParseArgs(want.Args())
		if err != nil {
			t.Fatalf("%q: %v", want.Args(), err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q: %s", want.Args(), d)
		}
	}
}

func randomSpec(r *rand.Rand) Spec {
	s := Spec{Netns: -1, NoNewPrivs: r.IntN(2) == 0, Files: r.IntN(6) - 1, UID: r.IntN(3) * 70000, GID: r.IntN(3) * 70000}
	if r.IntN(2) == 0 {
		s.Netns = []int{EmptyNetns, s.firstClosed() + r.IntN(3)}[r.IntN(2)]
	}
	if r.IntN(2) == 0 {
		s.NoFile = 16 + r.IntN(1000)
	}
	s.Seccomp = s.NoNewPrivs && r.IntN(2) == 0
	s.Landlock = s.NoNewPrivs && r.IntN(2) == 0
	s.Datagrams = r.IntN(2) == 0
	s.NoRaw = s.NoNewPrivs && !s.Seccomp && r.IntN(2) == 0
	for range r.IntN(3) {
		s.Listen = append(s.Listen, uint16(r.IntN(1<<16)))
	}
	for range r.IntN(3) {
		s.Cgroups = append(s.Cgroups, "/sys/fs/cgroup/"+[]string{"a", "a b", "a,b=c"}[r.IntN(3)])
	}
	for name := range capabilities {
		if r.IntN(20) == 0 {
			s.Caps = append(s.Caps, name)
		}
	}
	s.Argv = append([]string{"/bin/x"}, []string{"--", "-y", ""}[:r.IntN(4)]...)
	return s
}

func TestParseArgsRefuses(t *testing.T) {
	for _, args := range []string{
		"", "--", "--netns-fd=-1", "--uid=-1 -- x", "--gid=-3 -- x", "--uid=x -- x", "--uid=4294967295 -- x", "--gid=4294967295 -- x", "--files=-2 -- x", "--files=9999 -- x",
		"--netns-fd=3 -- x", "--netns-fd=2 --files=-1 -- x", "--netns-fd=5 --files=3 -- x", "--netns-fd=-3 -- x",
		"--caps=raw -- x", "--caps= -- x", "--caps=net_raw,,sys_admin -- x", "--cgroup=a -- x", "--cgroup= -- x", "--unknown -- x",
		"--no-new-privs=maybe -- x", "--listen=65536 -- x", "--listen=x -- x",
		"--seccomp -- x", "--landlock -- x", "--no-raw -- x", "--no-new-privs --no-raw --seccomp -- x",
	} {
		_, err := ParseArgs(strings.Fields(args))
		var e *Error
		if !errors.As(err, &e) || e.Step != StepArguments {
			t.Errorf("%q: %v, want an *Error of step arguments", args, err)
		}
	}
}

func FuzzParseArgs(f *testing.F) {
	f.Add("--netns-fd=4\n--cgroup=/a\n--uid=7\n--gid=7\n--caps=net_raw,sys_admin\n--no-new-privs\n--seccomp\n--landlock\n--listen=15001\n--\nx\n--y")
	f.Add("-files\n2\n--netns-fd\n5\nx")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseArgs(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		again, err := ParseArgs(s.Args())
		if err != nil {
			t.Fatalf("%q is refused: %v", s.Args(), err)
		}
		if d := cmp.Diff(s, again); d != "" {
			t.Error(d)
		}
	})
}
