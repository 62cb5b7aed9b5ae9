package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// A cell that answers pings can still be half dead: it accepts connections and serves
// none. So the keeper knocks: it is a peer for once, through each cell, and what it wants
// is an answer, whichever. A refusal is one: a cell whose SVID has ended is not made
// better by a restart.

const (
	knockTogether = 4               // cells that are knocked at a time
	knockPatience = 2 * time.Second // for one answer
)

// errSilent is the result of a knock that nobody answers.
var errSilent = errors.New("it accepts connections and answers none")

// knocked is one cell with the workload through which it is knocked.
type knocked struct {
	target  *target
	process *process
	err     error // errSilent, or nil
}

// knockTargets picks one workload of each cell that serves any, another one each round.
func (k *Keeper) knockTargets(round int) []*knocked {
	by := map[string][]*target{}
	for _, t := range k.targets("") {
		if t.known && !t.placed.outside() {
			by[t.cell] = append(by[t.cell], t)
		}
	}
	var all []*knocked
	k.do(func() {
		for group, ts := range by {
			t := ts[round%len(ts)]
			c := k.cells[group]
			if c == nil || c.current == nil || t.pod.duties[c.current] == nil || !t.pod.duties[c.current].ready {
				continue // on its way: others look after that
			}
			all = append(all, &knocked{target: t, process: c.current})
		}
	})
	slices.SortFunc(all, func(a, b *knocked) int { return cmp.Compare(a.target.cell, b.target.cell) })
	return all
}

// knock knocks at every cell. Without the probe's own SVID nothing can be said.
func (k *Keeper) knock(ctx context.Context, round int) ([]*knocked, error) {
	all := k.knockTargets(round)
	if len(all) == 0 {
		return nil, nil
	}
	if err := k.prober.ready(ctx, all[0].target.workload.Identity.TrustDomain()); err != nil {
		return nil, err
	}
	var group errgroup.Group
	group.SetLimit(knockTogether)
	for _, x := range all {
		group.Go(func() error { x.err = k.knockOne(ctx, x.target); return nil })
	}
	return all, group.Wait()
}

func (k *Keeper) knockOne(ctx context.Context, t *target) error {
	limit, cancel := context.WithTimeout(ctx, knockPatience)
	defer cancel()
	if _, err := k.ask(limit, t, k.prober.allowed); err != nil && limit.Err() != nil && ctx.Err() == nil {
		return errSilent
	}
	return nil
}

// knocking knocks again and again, and kills processes that stay silent.
func (k *Keeper) knocking(ctx context.Context) {
	tick := time.NewTicker(time.Duration(k.config.Liveness.Knock))
	defer tick.Stop()
	silent := map[*process]int{}
	for round := 0; ; round++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		all, err := k.knock(ctx, round)
		if err != nil {
			k.log.Warn("cells are not knocked", "error", err)
		}
		maps.DeleteFunc(silent, func(x *process, _ int) bool {
			return !slices.ContainsFunc(all, func(y *knocked) bool { return y.process == x && y.err != nil })
		})
		for _, x := range all {
			if x.err == nil {
				continue
			}
			if silent[x.process]++; silent[x.process] >= k.config.Liveness.Misses {
				delete(silent, x.process)
				k.do(func() {
					if x.process.cell.current == x.process {
						k.kill(x.process, unix.SIGKILL, x.err.Error())
					}
				})
			}
		}
	}
}

// getLive says whether every cell serves, by a knock.
func (k *Keeper) getLive(w http.ResponseWriter, r *http.Request) {
	all, err := k.knock(r.Context(), 0)
	var silent []string
	for _, x := range all {
		if x.err != nil {
			silent = append(silent, x.target.cell)
		}
	}
	switch {
	case err != nil:
		fail(w, http.StatusServiceUnavailable, err)
	case len(silent) > 0:
		fail(w, http.StatusServiceUnavailable, fmt.Errorf("half dead: %s: %w", strings.Join(silent, ", "), errSilent))
	default:
		reply(w, map[string]any{"live": true, "pid": os.Getpid(), "cells": len(all)})
	}
}
