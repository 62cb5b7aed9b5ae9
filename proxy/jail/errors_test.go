package jail

import (
	"os"
	"strings"
	"testing"
)

// Each failure names its step and says what to do.
func TestFailures(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, tc := range map[string]struct {
		spec   Spec
		files  []*os.File
		step   Step
		advice string
	}{
		"not a namespace":    {Spec{Netns: 4}, []*os.File{null, null}, StepNetns, "not of a network namespace"},
		"no descriptor":      {Spec{Netns: 99}, []*os.File{null}, StepNetns, "did not pass"},
		"no program":         {Spec{Netns: -1, Argv: []string{"/absent"}}, []*os.File{null}, StepProgram, "is the path right"},
		"not in PATH":        {Spec{Netns: -1, Argv: []string{"bulkhead-absent"}}, []*os.File{null}, StepProgram, "not found in $PATH"},
		"not executable":     {Spec{Netns: -1, Argv: []string{"/proc/self/status"}}, []*os.File{null}, StepExec, "must be executable"},
		"uid that is none":   {Spec{Netns: -1, UID: 1<<32 - 1}, []*os.File{null}, StepArguments, "not from 0 to 4294967294"},
		"unknown capability": {Spec{Netns: -1, Caps: []string{"cap_net_raw"}}, []*os.File{null}, StepArguments, `spelled as in capabilities(7)`},
		"relative cgroup":    {Spec{Netns: -1, Cgroups: []string{"a"}}, []*os.File{null}, StepArguments, "not an absolute path"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, tc.spec, tc.files...)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), "jail: "+string(tc.step)+": ") || !strings.Contains(err.Error(), tc.advice) {
				t.Errorf("%v, want step %q and %q", err, tc.step, tc.advice)
			}
		})
	}
}

// What a jail took, its program cannot have again: neither for itself nor by a jail.
func TestJailInJail(t *testing.T) {
	inner := func(s Spec) Spec {
		s.Argv = []string{"/proc/self/exe"}
		return Spec{Netns: -1, Caps: []string{"net_raw"}, NoNewPrivs: true, Argv: append([]string{"/proc/self/exe"}, s.Args()...)}
	}
	got, err := runAs(t, "shim twice", inner(Spec{Netns: -1, Caps: []string{"net_raw"}, NoNewPrivs: true}))
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{"CapPrm", "CapEff", "CapAmb"} {
		if got.Status[set] != "0000000000002000" {
			t.Errorf("%s %s, want net_raw", set, got.Status[set])
		}
	}
	for name, tc := range map[string]struct {
		spec   Spec
		step   Step
		advice string
	}{
		"more capabilities": {Spec{Netns: -1, Caps: []string{"net_raw", "sys_admin"}, NoNewPrivs: true}, StepCapabilities, "does not have the capabilities itself"},
		"another user":      {Spec{Netns: -1, UID: someUID, NoNewPrivs: true}, StepUID, "configure no uids"},
		"root unbounded":    {Spec{Netns: -1, Caps: []string{"net_raw"}}, StepBounding, "needs CAP_SETPCAP, or no_new_privs"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := runAs(t, "shim twice", inner(tc.spec))
			if err == nil || !strings.HasPrefix(err.Error(), "jail: "+string(tc.step)+": ") || !strings.Contains(err.Error(), tc.advice) {
				t.Errorf("%v, want step %q and %q", err, tc.step, tc.advice)
			}
		})
	}
}
