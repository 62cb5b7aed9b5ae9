package lab

import (
	"fmt"
	"strconv"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

// wall is what one container may use; zero fields are not limited.
type wall struct {
	memory int64 // bytes
	cpu    float64
	pids   int
	files  int
}

// Limits of containers, as a pod's manifest would have them. A sidecar has what a
// cell of one workload has on a node (nodeWalls), so that the two compare. An
// application has no CPU limit, as most have none; neither has the sampler, since a
// throttled one measures itself.
var (
	sidecarWall = wall{memory: 128 << 20, cpu: 0.5, pids: 96, files: 9216}
	appWall     = wall{memory: 512 << 20}
	podPids     = 1024 // podPidsLimit of a kubelet
)

// String is for people: the limits of a container.
func (w wall) String() string {
	switch {
	case w.memory > 0:
		return fmt.Sprintf("limited to %d MiB", w.memory>>20)
	case w.cpu > 0:
		return fmt.Sprintf("limited to %g CPUs", w.cpu)
	}
	return "without a limit of its own"
}

// wallsConfig is the part of the node's file: a cell of one workload has sidecarWall.
type wallsConfig struct {
	Base     wallConfig `json:"base"`
	Workload wallConfig `json:"workload"`
}

type wallConfig struct {
	Memory int64   `json:"memory"`
	CPU    float64 `json:"cpu"`
	Pids   int     `json:"pids"`
	Files  int     `json:"files"`
}

// nodeWalls share the wall of one out among what a cell needs anyway and what it
// needs per workload.
func nodeWalls() wallsConfig {
	base := wallConfig{Memory: 32 << 20, CPU: 0.1, Pids: 64, Files: 1024}
	return wallsConfig{Base: base, Workload: wallConfig{
		Memory: sidecarWall.memory - base.Memory, CPU: sidecarWall.cpu - base.CPU,
		Pids: sidecarWall.pids - base.Pids, Files: sidecarWall.files - base.Files,
	}}
}

// environment is what the manifest of a Go program passes on of its memory limit,
// a tenth less: socket buffers and pages of the executable count as well. Go runs on
// one thread at a time, as a keeper has it for a cell of one pod (decision 11).
func (w wall) environment() []string {
	return []string{"GOMEMLIMIT=" + strconv.FormatInt(w.memory/10*9, 10), "GOMAXPROCS=1"}
}

// What an operator writes into a node's file for a load test. All is on, and bounds what it
// bounds, above what two CPUs can ask for. A cell has a whole core: more threads than one
// at a time would have no CPU to be on where a side is pinned to one.
var (
	stressedBudget = budget.Limits{
		Connections: 100_000, ConnectionsPerSecond: 1_000_000, Tunnels: 100_000, HandshakesPerSecond: 1_000_000, Dials: 4096, Bytes: 1 << 30,
	}
	stressedWalls = wallsConfig{
		Base:     wallConfig{Memory: 32 << 20, CPU: 0.1, Pids: 64, Files: 1024},
		Workload: wallConfig{Memory: 2 << 30, CPU: 0.9, Pids: 1024, Files: 250_000},
	}
)
