package fault

import "slices"

// Effect is what a fault does to processes. What a drill predicts follows from it, so a
// new fault says it and the oracle stays as it is.
type Effect int

const (
	Spares         Effect = iota // nothing of the data plane ends or is hampered
	Ends                         // what serves the culprit ends, once or again and again
	Stops                        // it stands still, and lives: descriptors stay, connections wait
	Mutes                        // it lives and serves no new connection
	TakesOne                     // one connection of the culprit ends
	Uncaptures                   // the culprit's pod is captured no more, or not at once
	Hampers                      // it lives, and its workloads may suffer
	Forbids                      // a flow of the culprit's is denied by policy, and no other
	HampersPod                   // the data plane lives, and only the culprit's own flows may suffer
	EndsKeepers                  // keepers end, and no cell
	ReplacesCells                // every cell is replaced by another
	EndsNode                     // the anchor of the culprit's node ends, and all with it
	RestartsNode                 // whatever carries bytes on the culprit's node ends
	PartsNode                    // nothing passes between the culprit's node and others
	ImpairsLink                  // what passes between them may suffer
	SiftsLink                    // small things pass between them as before, large ones do not
	ForbidsAll                   // every flow of the mesh is denied by policy
	EndsSVIDs                    // every SVID ends, and none is renewed
	Burdens                      // every proxy is told a lot that it does not need
	Drains                       // every flow of the culprit's is refused or cut, and no other
	Moves                        // the culprit is served elsewhere, and its cell replaced when others shared it
	TouchesControl               // control fails or says what changes nothing for any flow
)

// OfNode says whether it strikes what sidecars do not have: keepers, anchors, cells.
func (e Effect) OfNode() bool {
	return slices.Contains([]Effect{EndsKeepers, ReplacesCells, EndsNode, Drains, Moves}, e)
}
