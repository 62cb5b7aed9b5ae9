package steer

import (
	"os"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Main(m)) }
