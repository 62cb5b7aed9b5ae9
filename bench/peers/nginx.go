package peers

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed nginx.conf.tmpl
var nginxText string

var nginxConf = template.Must(template.New("nginx.conf").Parse(nginxText))

// nginx is one end of a pair of nginx. Its master process stays: one of its own that only waits, as everybody runs it;
// master_process off is for its developers, and would ignore the limit of open files.
func nginx(tuned bool, e end) func(string, Side) (Command, error) {
	return func(dir string, s Side) (Command, error) {
		f := factsOf(dir, s, tuned, e)
		program, module, err := findNginx(named(Nginx, tuned))
		if err != nil {
			return Command{}, err
		}
		f.Module = module
		file, err := f.write(dir, "nginx.conf", nginxConf)
		if err != nil {
			return Command{}, err
		}
		// -e: the built-in path of the error log is opened before the file is read, and is root's.
		return Command{Argv: []string{program, "-p", dir, "-c", file, "-e", "stderr"}, Ready: s.Listen, Config: file}, nil
	}
}

func named(name string, tuned bool) string {
	if tuned {
		return name + "-tuned"
	}
	return name
}

var modulesPath = regexp.MustCompile(`--modules-path=(\S+)`)

// findNginx finds nginx and its stream module, which Debian packs by itself; an empty module is one that is built in.
func findNginx(peer string) (program, module string, err error) {
	missing := func(what string) error { return &NotInstalledError{peer, what, install} }
	program, err = find("nginx")
	if err != nil {
		return "", "", missing("nginx")
	}
	built, err := exec.Command(program, "-V").CombinedOutput()
	if err != nil {
		return "", "", err
	}
	switch options := string(built); {
	case strings.Contains(options, "--with-stream=dynamic"):
		if m := modulesPath.FindStringSubmatch(options); m != nil {
			module = filepath.Join(m[1], "ngx_stream_module.so")
		}
		if _, err := os.Stat(module); err != nil {
			return "", "", missing("nginx's stream module")
		}
	case !strings.Contains(options, "--with-stream"):
		return "", "", missing("an nginx with the stream module")
	}
	return program, module, nil
}

// find looks also where an ordinary user's PATH does not lead.
func find(name string) (string, error) {
	file, err := exec.LookPath(name)
	if err == nil {
		return file, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", name))
}
