// Package cgroup puts cells into control groups, version 1 or 2, whichever the
// machine has.
package cgroup
