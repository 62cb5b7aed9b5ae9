package admin

import "time"

// Verdict is what a keeper found when it verified its node, in POST /verify.
type Verdict struct {
	Node      string    `json:"node"`
	At        time.Time `json:"at"`
	Seconds   float64   `json:"seconds"` // that it took
	Workloads int       `json:"workloads"`
	Checks    int       `json:"checks"`
	Findings  []Finding `json:"findings"`
	Outside   []string  `json:"outside,omitempty"` // workloads that left the mesh: none/UID; nothing protects them
}

// Finding is one thing that is not as it must be.
type Finding struct {
	Workload string `json:"workload"`
	Cell     string `json:"cell"`
	Check    string `json:"check"` // one of the Check constants
	Found    string `json:"found"` // a sentence
}

// What is verified.
const (
	CheckRules     = "rules"     // the pod's capture rules, read back
	CheckIdentity  = "identity"  // the probe's identity can be had, and the workload shows its own
	CheckAllow     = "allow"     // an allowed identity is served
	CheckDeny      = "deny"      // a denied one is not
	CheckForgery   = "forgery"   // an SVID that another CA signed is refused
	CheckStranger  = "stranger"  // so is one of another trust domain
	CheckPlaintext = "plaintext" // plaintext is refused where mTLS is strict, and served where not
	CheckPolicy    = "policy"    // cell and keeper judge by the same policies
	CheckSVID      = "svid"      // the workload's SVID has more than a quarter of its life left
	CheckQUIC      = "quic"      // the pod's UDP sockets are as they were made; only where the node's file has QUIC on
)

// Checks are all of them, in the order in which they are made.
var Checks = []string{CheckRules, CheckIdentity, CheckAllow, CheckDeny, CheckForgery, CheckStranger, CheckPlaintext, CheckPolicy, CheckSVID, CheckQUIC}
