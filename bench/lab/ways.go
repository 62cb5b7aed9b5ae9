package lab

import (
	"bufio"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const labNamespaces = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET

// ways are the ways into a lab, best first. Root maps every id onto itself, so that
// uids and cgroups still work inside; where user namespaces are off root can do
// without. Anybody else maps their own uid, and nothing more, to root.
func ways() []*syscall.SysProcAttr {
	alone := &syscall.SysProcAttr{
		Setsid:      true,
		Cloneflags:  labNamespaces | unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	if os.Geteuid() != 0 {
		return []*syscall.SysProcAttr{alone}
	}
	without := &syscall.SysProcAttr{Setsid: true, Cloneflags: labNamespaces}
	uids, errUID := identityMap("/proc/self/uid_map")
	gids, errGID := identityMap("/proc/self/gid_map")
	if errUID != nil || errGID != nil {
		return []*syscall.SysProcAttr{without, alone}
	}
	full := &syscall.SysProcAttr{
		Setsid:      true,
		Cloneflags:  labNamespaces | unix.CLONE_NEWUSER,
		UidMappings: uids,
		GidMappings: gids,
		// Without it nobody in the lab could drop supplementary groups.
		GidMappingsEnableSetgroups: true,
	}
	return []*syscall.SysProcAttr{full, without, alone}
}

// identityMap maps every id that this process's user namespace has onto itself.
func identityMap(path string) ([]syscall.SysProcIDMap, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var ids []syscall.SysProcIDMap
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var first, outside, size int
		if _, err := fmt.Sscan(lines.Text(), &first, &outside, &size); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		ids = append(ids, syscall.SysProcIDMap{ContainerID: first, HostID: first, Size: size})
	}
	return ids, lines.Err()
}
