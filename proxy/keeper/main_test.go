package keeper

import (
	"os"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

func TestMain(m *testing.M) {
	code := sandbox.Main(m)
	if built != "" { // only in the process that ran the tests
		os.RemoveAll(built)
	}
	if otherBuilt != "" {
		os.RemoveAll(otherBuilt)
	}
	os.Exit(code)
}
