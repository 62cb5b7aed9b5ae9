package fault

import "github.com/bulkhead-mesh/bulkhead/bench/hog"

// AppOOM has the application fill files in memory until it meets its container's limit.
var AppOOM = misdeed{name: "app-oom", kind: hog.OfMemory, limited: true, lasts: misdeedLasts, says: "its application takes memory up to the limit of its container", about: About{
	Group: Applications, Does: "has the culprit's application take memory until it meets its container's limit",
	Incident: "An emptyDir of medium Memory counts for whoever fills it.",
	Source:   "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir",
	Expect:   "The kernel chooses among those below the limit, and that is the application alone: no flow is hit in any isolation.",
	Look:     "That the sidecar lives.",
}}

// AppOOMPod is the same where only the pod has a limit: those below it are all of the
// pod, and its sidecar is the one with the most memory of its own.
var AppOOMPod = misdeed{name: "app-oom-pod", kind: hog.OfMemory, lasts: misdeedLasts, says: "its application takes memory up to the limit of the pod: the container has none", about: About{
	Group: Applications, Does: "has the culprit's application take memory until it meets the pod's limit: its container has none",
	Incident: "Since Kubernetes has limits for pods as a whole, containers may go without their own.",
	Source:   "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#pod-level-resource-specification",
	Expect:   "The kernel may kill the sidecar for what the application took. A cell on the node is not in the pod.",
	Look:     "Who died, and how long the culprit is away.",
}}
