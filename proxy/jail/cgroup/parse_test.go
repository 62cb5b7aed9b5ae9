package cgroup

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var allow = cmp.AllowUnexported(membership{}, mount{}, base{}, Hierarchy{})

func TestParseMemberships(t *testing.T) {
	got := parseMemberships("4:memory:/a b/c\n2:cpu,cpuacct:/\n1:name=systemd:/x:y\n0::/user.slice\nnonsense\n")
	want := []membership{
		{[]string{"memory"}, "/a b/c"}, {[]string{"cpu", "cpuacct"}, "/"},
		{[]string{"name=systemd"}, "/x:y"}, {nil, "/user.slice"},
	}
	if d := cmp.Diff(want, got, allow); d != "" {
		t.Error(d)
	}
}

func TestParseMounts(t *testing.T) {
	got := parseMounts(`31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 master:1 - cgroup cgroup rw,memory
41 31 0:38 /docker/ab /sys/fs/my\040cgroup rw - cgroup2 cgroup2 rw,nsdelegate
broken line
`)
	want := []mount{
		{1, []string{"rw", "memory"}, "/", "/sys/fs/cgroup/memory"},
		{2, nil, "/docker/ab", "/sys/fs/my cgroup"},
	}
	if d := cmp.Diff(want, got, allow); d != "" {
		t.Error(d)
	}
}

func TestDirectory(t *testing.T) {
	for _, tc := range []struct{ root, path, want string }{
		{"/", "/", "/m"},
		{"/", "/a/b", "/m/a/b"},
		{"/docker/ab", "/docker/ab", "/m"},
		{"/docker/ab", "/docker/ab/c", "/m/c"},
		{"/docker/ab", "/docker/abc", ""},
		{"/docker/ab", "/", ""},
		{"/", "/../other", ""},
	} {
		got, ok := mount{root: tc.root, point: "/m"}.directory(tc.path)
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("root %s, path %s: %q, %t, want %q", tc.root, tc.path, got, ok, tc.want)
		}
	}
}

func TestDetectChooses(t *testing.T) {
	dir := t.TempDir()
	unwritable := dir + "/absent" // by root too
	v1 := func(point string, controllers ...string) mount { return mount{1, controllers, "/", point} }
	v2 := mount{2, nil, "/", dir}
	all := []membership{{[]string{"memory"}, "/"}, {[]string{"cpu", "cpuacct"}, "/"}, {[]string{"freezer"}, "/"}, {nil, "/"}}
	for name, tc := range map[string]struct {
		mounts  []mount
		want    *Hierarchy
		because string
	}{
		"version 1": {[]mount{v1(dir, "memory"), v1(dir+"/.", "cpu", "cpuacct"), v2}, &Hierarchy{1, []base{
			{dir, dir, []string{"memory"}}, {dir + "/.", dir + "/.", []string{"cpu", "cpuacct"}}}}, ""},
		"part of version 1":          {[]mount{v1(dir, "memory"), v1(unwritable, "cpu"), v2}, &Hierarchy{1, []base{{dir, dir, []string{"memory"}}}}, ""},
		"mounted twice":              {[]mount{v1(unwritable, "memory"), v1(dir, "memory"), v1(dir, "memory")}, &Hierarchy{1, []base{{dir, dir, []string{"memory"}}}}, ""},
		"version 1 without ours":     {[]mount{v1(dir, "freezer"), v2}, &Hierarchy{2, []base{{dir, dir, wanted}}}, ""},
		"version 2":                  {[]mount{v2}, &Hierarchy{2, []base{{dir, dir, wanted}}}, ""},
		"version 1 not writable":     {[]mount{v1(unwritable, "memory")}, nil, unwritable + " cannot be written"},
		"nothing mounted":            {nil, nil, "no cgroup hierarchy is mounted"},
		"outside of what is mounted": {[]mount{{2, nil, "/docker/ab", dir}}, nil, "own cgroup / is outside of what"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := detect(all, tc.mounts)
			if tc.want == nil {
				if !errors.Is(err, ErrNotEnforceable) || !strings.Contains(err.Error(), tc.because) {
					t.Errorf("%v, %v, want ErrNotEnforceable because %q", got, err, tc.because)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got, allow); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("4:memory:/a\n0::/\n", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")
	f.Add("0::/..\n", `41 31 0:38 /d\040x /m\134 rw - cgroup2 cgroup2 rw`)
	f.Fuzz(func(t *testing.T, memberships, mounts string) {
		for _, m := range parseMounts(mounts) {
			for _, s := range parseMemberships(memberships) {
				if dir, ok := m.directory(s.path); ok && !strings.HasPrefix(dir, strings.TrimSuffix(m.point, "/")) {
					t.Errorf("%q is not below %q", dir, m.point)
				}
			}
		}
	})
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]int64{"max\n": 0, "9223372036854771712\n": 0, "9223372036854710272": 0, "134217728\n": 128 << 20} {
		if n, err := parseLimit(text); err != nil || n != want {
			t.Errorf("%q: %d, %v, want %d", text, n, err, want)
		}
	}
	if _, err := parseLimit("much"); err == nil {
		t.Error("a limit that is no number")
	}
}
