package keeper

import (
	"os"

	"github.com/bulkhead-mesh/bulkhead/proxy/anchor"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
)

// start has the anchor start the cell's next process, and has it serve its pods.
func (k *Keeper) start(c *keptCell) {
	x := k.newProcess(c)
	if err := k.spawn(x); err != nil {
		k.log.Error("cell not started", "cell", c.group, "error", err)
		k.backOff(c)
		return
	}
	k.processes[x.name()] = x
	c.current, c.state, c.since = x, cellUp, x.since
	k.log.Info("cell started", "cell", c.group, "generation", x.generation, "pid", x.pid, "restarts", c.deaths.Restarts)
	k.greet(x)
	k.hear(x)
	for _, p := range c.pods {
		k.serve(p)
	}
}

func (k *Keeper) spawn(x *process) error {
	ours, theirs, err := channel.Pair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	label, err := x.label()
	if err != nil {
		ours.Close()
		return err
	}
	// Hold first: if this keeper dies now, the next finds the channel.
	if err := k.holder.Hold(heldChannel+x.name(), label, ours); err != nil {
		ours.Close()
		return err
	}
	spec, err := k.processSpec(x, theirs)
	if err == nil {
		spec.Label = label
		x.pid, err = k.anchor.Start(spec)
	}
	if err == nil {
		err = k.connect(x, ours)
		ours = nil
	}
	if err != nil {
		k.drop(heldChannel + x.name())
		if ours != nil {
			ours.Close()
		}
	}
	return err
}

// cellArgv is the command line of a cell.
func (k *Keeper) cellArgv(c *keptCell) []string {
	argv := []string{k.config.Cell, "channel", "--name", c.group}
	if f := k.config.Log.Format; f != "" {
		argv = append(argv, "--log-format", string(f))
	}
	if a := k.config.Log.Access; a != "" {
		argv = append(argv, "--log-access", string(a))
	}
	return argv
}

// processSpec is the shim's command line and descriptors: fd 3 is the channel, and
// fd 4 the pod's namespace for a cell that lives inside it. A cell of several pods lives
// in none.
func (k *Keeper) processSpec(x *process, channelEnd *os.File) (anchor.Spec, error) {
	c := x.cell
	s := jail.Spec{Netns: -1, UID: x.uid, GID: x.uid, NoNewPrivs: true, Argv: k.cellArgv(c)}
	files := []*os.File{channelEnd}
	if c.inPod() {
		for _, p := range c.snapshotPods() { // exactly one
			s.Netns = 4
			files = append(files, p.netns.File())
		}
		s.Caps = []string{"net_raw"}
	} else {
		s.Caps = []string{"net_raw", "sys_admin"} // setns, and nothing else needs it
		// It opens sockets in its pods only. Left in the node's, it could send from there under
		// the address of every pod, past what guards each pod's own link (decision 10).
		s.Netns = jail.EmptyNetns
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
	argv := append([]string{self, "shim"}, k.jailed(s, x).Args()...)
	return anchor.Spec{Name: x.name(), Argv: argv, Env: c.walls.wall.environment(c.inPod()), Files: files, OwnPIDs: k.powers.PIDNamespace == nil}, nil
}
