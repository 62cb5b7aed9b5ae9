package cgroup

import (
	"strconv"
	"strings"
)

// membership is one line of /proc/PID/cgroup (cgroups(7)). Version 2 is the line
// without controllers.
type membership struct {
	controllers []string
	path        string
}

func parseMemberships(text string) []membership {
	var all []membership
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		m := membership{path: f[2]}
		if f[1] != "" {
			m.controllers = strings.Split(f[1], ",")
		}
		all = append(all, m)
	}
	return all
}

// mount is one cgroup line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	version     int
	controllers []string // of version 1
	root        string   // of the mount, within its hierarchy
	point       string
}

func parseMounts(text string) []mount {
	var all []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		m := mount{root: unescape(left[3]), point: unescape(left[4])}
		switch right[0] {
		case "cgroup":
			m.version, m.controllers = 1, strings.Split(right[2], ",")
		case "cgroup2":
			m.version = 2
		default:
			continue
		}
		all = append(all, m)
	}
	return all
}

// unescape undoes the octal escapes of blanks in mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// directory is where the mount shows a cgroup. False: it lies outside of what is
// mounted, as when a container sees part of a hierarchy only.
func (m mount) directory(path string) (string, bool) {
	if strings.HasPrefix(path, "/..") {
		return "", false // outside of this process's cgroup namespace
	}
	if m.root == "/" {
		return strings.TrimSuffix(m.point+path, "/"), true
	}
	rest, ok := strings.CutPrefix(path, m.root)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return m.point + rest, true
}
