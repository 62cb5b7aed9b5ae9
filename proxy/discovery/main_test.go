package discovery_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if files := os.Getenv(replicaEnv); files != "" {
		serveAsReplica(files)
	}
	goleak.VerifyTestMain(m)
}
