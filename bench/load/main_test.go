package load

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hang is how long a test waits for something that must come. It fires only when
// it does not come at all.
const hang = 30e9
