// Package sandbox runs a test binary where it can do as it likes with the
// network and cannot touch the host: in new user, network, mount and process
// namespaces. Tests then need no root.
//
//	func TestMain(m *testing.M) { os.Exit(sandbox.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		p := sandbox.NewPair(t)             // two namespaces joined by a wire
//		s := sandbox.NewSniffer(t, p.B)     // what goes over the wire
//		...
//		if s.Seen(marker) != 0 { t.Error("plaintext on the wire") }
//	}
//
// # How
//
// Main starts the test binary again, twice. The first copy is process 1 of the
// sandbox: it prepares the namespaces, reaps orphans, passes signals on, and
// ends when the outer process has gone, however that went; the kernel then kills
// every process of the sandbox. The second copy runs the tests. Arguments,
// standard streams and the exit code pass through, so go test, its -run, -fuzz
// and -coverprofile flags and its cache work as always. Fuzz workers and other
// processes that tests start are inside already and run directly.
//
// As root every user and group id is mapped to itself; otherwise there is one
// id, and it is root inside. Where namespaces cannot be had, Main says what is
// missing and returns 1: tests that skip look like tests that pass. Where only
// a new /proc cannot be mounted (some containers), the sandbox does without a
// process namespace, and processes that tests leave behind are then theirs.
//
// # After the tests
//
// Main fails when goroutines or descriptors are left over.
//
// # Ownership
//
// Pairs and sniffers belong to the test that made them and go away with it.
package sandbox
