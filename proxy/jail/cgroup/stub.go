package cgroup

import (
	"errors"
	"time"
)

// ErrNotEnforceable says that this process cannot make control groups, or that the
// controller that a call needs is not available to it.
var ErrNotEnforceable = errors.New("not enforceable here")

var errStub = errors.New("cgroup: being written")

// Hierarchy is where groups can be made.
type Hierarchy struct{}

// Detect finds the caller's own cgroup.
func Detect() (*Hierarchy, error) { return nil, errStub }

// Version is 1 or 2.
func (h *Hierarchy) Version() int { return 0 }

// Controllers are those that can be made to count for new groups.
func (h *Hierarchy) Controllers() []string { return nil }

// Create makes a group and its parents below the caller's own.
func (h *Hierarchy) Create(name string) (*Group, error) { return nil, errStub }

// Open is the group of that name, which exists.
func (h *Hierarchy) Open(name string) (*Group, error) { return nil, errStub }

// List returns the names of the top-level groups that begin with prefix.
func (h *Hierarchy) List(prefix string) ([]string, error) { return nil, errStub }

// RemoveStale removes, with all processes inside, the groups that begin with prefix
// and of which alive says that nobody uses them.
func (h *Hierarchy) RemoveStale(prefix string, alive func(name string) bool) error { return errStub }

// Group is one group, in every hierarchy that it needs.
type Group struct{}

// Dirs are the group's directories.
func (g *Group) Dirs() []string { return nil }

// Controllers are those that are effective in this group.
func (g *Group) Controllers() []string { return nil }

// Add moves a process into the group.
func (g *Group) Add(pid int) error { return errStub }

// CPU is the CPU time used by all processes that were ever inside.
func (g *Group) CPU() (time.Duration, error) { return 0, errStub }

// Memory is charged now, in bytes.
func (g *Group) Memory() (int64, error) { return 0, errStub }

// OOMKills counts processes killed because of the group's memory limit.
func (g *Group) OOMKills() (int64, error) { return 0, errStub }

// SetMemory limits memory in bytes; 0 lifts the limit.
func (g *Group) SetMemory(bytes int64) error { return errStub }

// SetCPU limits CPU time to that many cores; 0 lifts the limit.
func (g *Group) SetCPU(cores float64) error { return errStub }

// SetPids limits the number of tasks; 0 lifts the limit.
func (g *Group) SetPids(n int) error { return errStub }

// Processes are the processes inside, also in groups below.
func (g *Group) Processes() ([]int, error) { return nil, errStub }

// Kill kills all processes inside, also in groups below, and waits until they ended.
func (g *Group) Kill() error { return errStub }

// Remove removes the group and those below; its processes must have ended.
func (g *Group) Remove() error { return errStub }
