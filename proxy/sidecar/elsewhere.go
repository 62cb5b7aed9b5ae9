package sidecar

import (
	"errors"
	"net/http"
)

// elsewhere says, of what a keeper answers and a sidecar does not, who does it. It would
// do nobody a service to stop the one data plane of a pod over a socket, as /drain would: who
// started the sidecar ends it.
var elsewhere = map[string]string{
	"/drain":       "a sidecar is drained by whoever runs it: SIGTERM has its peers go, waits for what is open as long as drain in its file says, and ends it",
	"/move":        "a sidecar does not move its pod: ask the keeper of its node",
	"/rollback":    "a sidecar does not roll back its pod: ask the keeper of its node",
	"/verify":      "a sidecar has no probes: verify is for nodes. bulkhead who says how its SVID and its mesh stand",
	"/config_dump": "a sidecar has no dump of its configuration: its file, and bulkhead who, say what it has",
}

// getElsewhere answers what nothing else does.
func getElsewhere(w http.ResponseWriter, r *http.Request) {
	sentence, known := elsewhere[r.URL.Path]
	if !known {
		sentence = "a sidecar does not answer " + r.Method + " " + r.URL.Path
	}
	refuse(w, http.StatusNotFound, errors.New(sentence))
}
