package stacks

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

const script = `
	ffffffff81e0 do_syscall_64+0x11 ([kernel.kallsyms])
	      46f0c0 [unknown] (/bin/cell)
	      401000 main.main (/bin/cell)

	      46f0c0 [unknown] (/bin/cell)
	      401000 main.main (/bin/cell)

	      401000 main.main (/bin/cell)
	      401000 main.main (/bin/cell)
`

func TestRead(t *testing.T) {
	p, err := Read(strings.NewReader(script), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "main.main;? 1\nmain.main;?;do_syscall_64 1\nmain.main;main.main 1\n"; p.Folded() != want {
		t.Errorf("folded:\n%s\nwant\n%s", p.Folded(), want)
	}
	top := p.Top(1)
	if p.Samples != 3 || !strings.Contains(top, "100.0 %  main.main") || !strings.Contains(top, "33.3 %  ?") {
		t.Errorf("%d samples:\n%s", p.Samples, top)
	}
	for _, bad := range []string{"main.main\n", "xyz main (a)\n", strings.Repeat("1 a\n", maxDepth+1)} {
		if _, err := Read(strings.NewReader(bad), nil); err == nil {
			t.Errorf("%.20q was read", bad)
		}
	}
}

// TestNamesOfAStrippedExecutable: the names are there although no symbol is.
func TestNamesOfAStrippedExecutable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte("package main\n\nfunc main() { f() }\n\n//go:noinline\nfunc f() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	build := func(flags string) {
		c := exec.Command("go", "build", "-ldflags", flags, "-o", program, file)
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	build("")
	at := place(t, program, "main.f")
	build("-s -w")
	names, err := Open(program)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Read(bytes.NewBufferString(at+" [unknown] ("+program+")\n"), names)
	if err != nil {
		t.Fatal(err)
	}
	if want := "main.f 1\n"; p.Folded() != want {
		t.Errorf("%q, want %q", p.Folded(), want)
	}
	if _, err := Open(file); err == nil {
		t.Error("a text is an executable")
	}
}

// place is where a function is in the file: the two links put it at the same.
func place(t *testing.T, program, function string) string {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	text := f.Section(".text")
	for _, s := range symbols {
		if s.Name == function {
			return strconv.FormatUint(s.Value-text.Addr+text.Offset, 16)
		}
	}
	t.Fatalf("%s is not there", function)
	return ""
}

func FuzzRead(f *testing.F) {
	f.Add(script)
	f.Add("1 a (b\n\n2")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Read(strings.NewReader(text), nil)
		if err != nil {
			return
		}
		// What is written is as many samples as were read.
		sum := 0
		for _, n := range p.stacks {
			sum += n
		}
		if sum != p.Samples {
			t.Errorf("%d samples in stacks, %d read", sum, p.Samples)
		}
		again, err := Read(strings.NewReader(text), nil)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Error("read differently again")
		}
		if p.Samples > 0 {
			p.Top(3)
		}
	})
}
