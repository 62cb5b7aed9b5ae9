package theft

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
)

// powersOf reads from /proc what a process may do. names are the lab's for network
// namespaces.
func powersOf(pid int, names map[string]string) (trust.Powers, error) {
	dir := fmt.Sprintf("/proc/%d", pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return trust.Powers{}, err
	}
	p, err := parseStatus(string(status))
	if err != nil {
		return p, fmt.Errorf("%s/status: %w", dir, err)
	}
	if p.OwnPIDs, err = differs(dir, "pid"); err != nil {
		return p, err
	}
	if p.OwnMount, err = differs(dir, "mnt"); err != nil {
		return p, err
	}
	own, err := os.Readlink(dir + "/ns/net")
	if err != nil {
		return p, err
	}
	if p.Netns = named(names, own); p.Netns == own {
		if p.Netns, err = unnamed(dir, own); err != nil {
			return p, err
		}
	}
	p.NetnsFDs, err = namespaceFDs(dir, own, names)
	return p, err
}

// parseStatus reads the lines of /proc/PID/status that say what a process may do.
func parseStatus(text string) (trust.Powers, error) {
	var p trust.Powers
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	var caps uint64
	var noNewPrivs, seccomp int
	for _, f := range []struct {
		name, format string
		into         any
	}{
		{"Uid", "%d", &p.UID}, {"CapEff", "%x", &caps}, {"NoNewPrivs", "%d", &noNewPrivs}, {"Seccomp", "%d", &seccomp},
	} {
		if _, err := fmt.Sscanf(fields[f.name], f.format, f.into); err != nil {
			return p, fmt.Errorf("%s %q: %w", f.name, fields[f.name], err)
		}
	}
	p.Capabilities = jail.CapabilityNames(caps)
	p.NoNewPrivs = noNewPrivs == 1
	p.Filtered = seccomp == seccompFilter
	return p, nil
}

// seccompFilter is SECCOMP_MODE_FILTER.
const seccompFilter = 2

// differs reports whether a process lives in another namespace than this one.
func differs(dir, kind string) (bool, error) {
	theirs, err := os.Readlink(dir + "/ns/" + kind)
	if err != nil {
		return false, err
	}
	ours, err := os.Readlink("/proc/self/ns/" + kind)
	return theirs != ours, err
}

// unnamed is what to call a network namespace that is not the lab's own. One without a
// route and without an address leads nowhere; links it may have, since some kernels give
// every namespace tunnels.
func unnamed(dir, link string) (string, error) {
	routes, err := os.ReadFile(dir + "/net/route")
	if err != nil {
		return "", err
	}
	addresses, err := os.ReadFile(dir + "/net/if_inet6")
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
		return "", err
	}
	if strings.Count(string(routes), "\n") <= 1 && len(addresses) == 0 { // the heading
		return trust.NoNetns, nil
	}
	return link, nil
}

// namespaceFDs are the network namespaces that a process holds descriptors of, besides the
// one where it lives.
func namespaceFDs(dir, own string, names map[string]string) ([]string, error) {
	entries, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return nil, err
	}
	all := []string{}
	for _, e := range entries {
		to, err := os.Readlink(dir + "/fd/" + e.Name())
		if err == nil && strings.HasPrefix(to, "net:[") && to != own { // an error: it has just been closed
			all = append(all, named(names, to))
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func named(names map[string]string, link string) string {
	if name, ok := names[link]; ok {
		return name
	}
	return link
}
