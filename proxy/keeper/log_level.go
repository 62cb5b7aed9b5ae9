package keeper

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// The level is of the keeper's own lines and of those of its cells. It is for as long as
// this keeper lives: a node that somebody has left at debug must not stay so for ever.

// getLogging says the level.
func (k *Keeper) getLogging(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]string{"level": levelName(k.level.Level())})
}

// postLogging changes it: ?level=debug, info, warn or error.
func (k *Keeper) postLogging(w http.ResponseWriter, r *http.Request) {
	var to slog.Level
	text := r.URL.Query().Get("level")
	if err := to.UnmarshalText([]byte(text)); err != nil || levelName(to) != strings.ToLower(text) {
		fail(w, http.StatusBadRequest, fmt.Errorf("level %q: use debug, info, warn or error", text))
		return
	}
	k.do(func() {
		k.level.Set(to)
		for _, x := range k.processes {
			x.tell(&cell.Message{Level: &cell.Level{Name: levelName(to)}})
		}
	})
	k.getLogging(w, r)
}

func levelName(l slog.Level) string { return strings.ToLower(l.String()) }
