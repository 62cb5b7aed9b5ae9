package fault

import "time"

// CPUHog has the data plane burn CPU on all threads that it may have.
var CPUHog = hook{name: "cpu-hog", order: "spin", lasts: 3 * time.Second, says: "it spins on every CPU that it may use", effect: Hampers}
