package keeper

import (
	"net/http"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// The level is of the keeper's own lines and of those of its cells. It is for as long as
// this keeper lives: a node that somebody has left at debug must not stay so for ever.

// getLogging says the level.
func (k *Keeper) getLogging(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]string{"level": admin.LevelName(k.level.Level())})
}

// postLogging changes it: ?level=debug, info, warn or error.
func (k *Keeper) postLogging(w http.ResponseWriter, r *http.Request) {
	to, err := admin.ParseLevel(r.URL.Query().Get("level"))
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	k.do(func() {
		k.level.Set(to)
		for _, x := range k.processes {
			x.tell(&cell.Message{Level: &cell.Level{Name: admin.LevelName(to)}})
		}
	})
	k.getLogging(w, r)
}
