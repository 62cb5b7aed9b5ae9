package attack

import (
	"fmt"
	"os"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// shimVar makes the test binary the shim of a jail.
const shimVar = "BULKHEAD_ATTACK_TEST_SHIM"

func TestMain(m *testing.M) {
	if os.Getenv(shimVar) != "" {
		spec, err := jail.ParseArgs(os.Args[1:])
		if err == nil {
			err = spec.Exec()
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
	os.Exit(sandbox.Main(m))
}
