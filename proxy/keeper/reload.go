package keeper

import (
	"context"
	"io/fs"
	"os"
	"reflect"
	"time"
)

// reloadInterval is how often the node's file is looked at (polled, as the mesh file is).
const reloadInterval = time.Second

// watchConfig applies isolation and onFailure of every new version of the node's file.
func (k *Keeper) watchConfig(ctx context.Context) {
	tick := time.NewTicker(reloadInterval)
	defer tick.Stop()
	var last fs.FileInfo
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		fi, err := os.Stat(k.config.path)
		if err != nil || last != nil && os.SameFile(last, fi) && last.ModTime().Equal(fi.ModTime()) && last.Size() == fi.Size() {
			continue
		}
		last = fi
		c, err := LoadConfig(k.config.path)
		if err != nil {
			k.log.Error("node file not used", "error", err)
			continue
		}
		k.do(func() { k.regroup(c) })
	}
}

// regroup applies the isolation, its overrides and onFailure of a new configuration. The rest is
// for the next keeper: it is read once, and half of it is in processes already.
func (k *Keeper) regroup(c Config) {
	isolation, overrides := c.Isolation, c.Overrides
	running := k.config
	c.Isolation, c.Overrides, k.config.OnFailure = running.Isolation, running.Overrides, c.OnFailure
	running.OnFailure = c.OnFailure
	c.Level, c.AllowFaults = running.Level, running.AllowFaults // no file says these
	if c.Cell == "" {
		c.Cell = running.Cell // prepare found it
	}
	if !reflect.DeepEqual(c, running) {
		k.log.Warn("node file: only isolation, overrides and onFailure are applied while the node runs; restart it for the rest")
	}
	if isolation == running.Isolation && reflect.DeepEqual(overrides, running.Overrides) {
		return
	}
	k.log.Info("regrouped", "isolation", isolation, "overrides", overrides)
	k.config.Isolation, k.config.Overrides = isolation, overrides
	for _, p := range k.pods {
		k.assign(p)
	}
}
