package fault

import "time"

// Hang stops the loop of the data plane: connections go on, and nothing else does.
var Hang = hook{name: "hang", order: "hang", lasts: 6 * time.Second, says: "its loop stands still", effect: Hampers}
