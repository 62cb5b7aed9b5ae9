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
	if err := k.announce(); err != nil {
		k.log.Error("the next keeper will take this end for a crash", "error", err)
	}
	reply(w, map[string]int{"pid": os.Getpid()})
	k.handOver()
}

// announce leaves word for the next keeper, as record does.
func (k *Keeper) announce() error {
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer nothing.Close()
	return k.holder.Hold(heldHandover, nil, nothing)
}

// handedOver says whether the keeper ends for the sake of the next one.
func handedOver(cause error) bool { return errors.Is(cause, errHandover) }
