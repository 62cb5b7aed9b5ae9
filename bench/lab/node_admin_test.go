package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A node whose proxy was rolled back has no socket: that is said, and not the words of the kernel.
func TestAKeeperThatIsAway(t *testing.T) {
	_, err := newNodeAdmin(filepath.Join(t.TempDir(), "gone.sock")).cells(t.Context())
	err = at("move", "tenant-a/web", err)
	var away *keeperAwayError
	if !errors.As(err, &away) || !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "dial") {
		t.Error(err)
	}
}
