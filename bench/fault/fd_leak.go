package fault

import "time"

// FDLeak has the data plane open descriptors until there are no more, and keep them.
var FDLeak = hook{name: "fd-leak", order: "leak-fds", lasts: 3 * time.Second, says: "it opens every descriptor that it may have", effect: Hampers}
