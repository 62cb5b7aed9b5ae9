package sandbox

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// idMap returns what the sandbox maps: as root every id that exists here to
// itself; otherwise this process's own id to 0, which is all that an ordinary
// user may map.
func idMap(kind string) ([]syscall.SysProcIDMap, error) {
	if os.Geteuid() != 0 {
		id := os.Geteuid()
		if kind == "gid" {
			id = os.Getegid()
		}
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}, nil
	}
	f, err := os.Open("/proc/self/" + kind + "_map")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var ids []syscall.SysProcIDMap
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var inside, outside, size int
		if _, err := fmt.Sscan(lines.Text(), &inside, &outside, &size); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		ids = append(ids, syscall.SysProcIDMap{ContainerID: inside, HostID: inside, Size: size})
	}
	return ids, nil
}

// maySetgroups reports whether the sandbox may keep setgroups, which an ordinary
// user gives up for the right to map its group (user_namespaces(7)).
func maySetgroups() bool {
	state, err := os.ReadFile("/proc/self/setgroups")
	return os.Geteuid() == 0 && err == nil && strings.TrimSpace(string(state)) == "allow"
}
