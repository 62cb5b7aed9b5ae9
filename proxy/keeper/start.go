package keeper

import (
	"os"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
)

// start has the anchor start the cell's process, and serves all its pods.
func (k *Keeper) start(c *keptCell) {
	c.generation++
	if err := k.spawn(c); err != nil {
		k.log.Error("cell not started", "cell", c.group, "error", err)
		k.backOff(c)
		return
	}
	c.state, c.since, c.pinged = cellUp, time.Now(), 0
	k.log.Info("cell started", "cell", c.group, "pid", c.pid, "restarts", c.restarts)
	k.greet(c)
}

func (k *Keeper) spawn(c *keptCell) error {
	ours, theirs, err := channel.Pair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	label, err := c.label()
	if err != nil {
		ours.Close()
		return err
	}
	// Hold first: if this keeper dies now, the next finds the channel.
	if err := k.anchor.Hold(heldChannel+c.name(), label, ours); err != nil {
		ours.Close()
		return err
	}
	spec, err := k.processSpec(c, theirs)
	if err == nil {
		spec.Label = label
		c.pid, err = k.anchor.Start(spec)
	}
	if err == nil {
		err = k.connect(c, ours)
		ours = nil
	}
	if err != nil {
		k.drop(heldChannel + c.name())
		if ours != nil {
			ours.Close()
		}
	}
	return err
}

// processSpec is the shim's command line and descriptors: fd 3 is the channel, and
// fd 4 the pod's namespace for a cell that lives inside it.
func (k *Keeper) processSpec(c *keptCell, channelEnd *os.File) (anchor.Spec, error) {
	s := jail.Spec{Netns: -1, UID: c.uid, GID: c.uid, NoNewPrivs: true, Argv: []string{k.config.Cell, "channel", "--name", c.group}}
	files := []*os.File{channelEnd}
	if k.livesInPod() {
		for _, p := range c.snapshotPods() { // exactly one
			s.Netns = 4
			files = append(files, p.netns.File())
		}
		s.Caps = []string{"net_raw"}
	} else {
		s.Caps = []string{"net_raw", "sys_admin"} // setns, and nothing else needs it
	}
	if err := k.enclose(c); err != nil {
		return anchor.Spec{}, err
	}
	if c.walls.group != nil {
		s.Cgroups = c.walls.group.Dirs()
	}
	s.NoFile = c.walls.wall.Files
	// The shim is this keeper's own executable: the anchor's may be an older one.
	self, err := os.Executable()
	if err != nil {
		return anchor.Spec{}, err
	}
	argv := append([]string{self, "shim"}, s.Args()...)
	return anchor.Spec{Name: c.name(), Argv: argv, Env: c.walls.wall.environment(), Files: files}, nil
}

// livesInPod says whether cells start inside the pod's namespace: only a cell that
// can never have a second pod does.
func (k *Keeper) livesInPod() bool { return k.config.Isolation == PerWorkload }
