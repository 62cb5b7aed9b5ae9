package keeper

import (
	"errors"
	"net/http"
	"os"
)

// errHandover ends a keeper that leaves everything to the next one.
var errHandover = errors.New("this keeper hands over to the next")

// postUpgrade ends this keeper and nothing else: cells run on, and the anchor starts
// the keeper's executable anew from its path, which is another one after an upgrade.
// The reply says who ends, so that the caller can wait for somebody else.
func (k *Keeper) postUpgrade(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]int{"pid": os.Getpid()})
	k.handOver()
}

// handedOver says whether the keeper ends for the sake of the next one.
func handedOver(cause error) bool { return errors.Is(cause, errHandover) }
