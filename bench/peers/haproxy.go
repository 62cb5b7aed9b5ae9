package peers

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"text/template"
)

//go:embed haproxy.cfg.tmpl
var haproxyText string

var haproxyCfg = template.Must(template.New("haproxy.cfg").Parse(haproxyText))

// haproxy is one end of a pair of haproxy. -db keeps it in the foreground, without a master.
func haproxy(tuned bool, e end) func(string, Side) (Command, error) {
	return func(dir string, s Side) (Command, error) {
		f := factsOf(dir, s, tuned, e)
		program, err := find("haproxy")
		if err != nil {
			return Command{}, &NotInstalledError{named(Haproxy, tuned), "haproxy", install}
		}
		if err := f.writeChain(); err != nil {
			return Command{}, err
		}
		file, err := f.write(dir, "haproxy.cfg", haproxyCfg)
		if err != nil {
			return Command{}, err
		}
		return Command{Argv: []string{program, "-db", "-f", file}, Ready: s.Listen, Config: file}, nil
	}
}

// writeChain puts chain and key into one file, which is how haproxy wants them.
func (f facts) writeChain() error {
	var all [2][]byte
	for i, file := range []string{f.Cert, f.Key} {
		b, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("haproxy: %w", err)
		}
		all[i] = b
	}
	if err := os.WriteFile(f.Chain, bytes.Join(all[:], []byte("\n")), 0o600); err != nil {
		return fmt.Errorf("haproxy: %w", err)
	}
	return nil
}
