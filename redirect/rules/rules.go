package rules

import (
	"context"
	"errors"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A Plan says which placement captures.
type Plan struct{ Ports redirect.Ports }

var errTODO = errors.New("rules: not written yet")

// Drift is what Verify found to differ from what is wanted.
type Drift struct{ Differences []string }

func (d *Drift) Error() string { return "capture rules differ from what is wanted" }

func Install(n *netns.Namespace, p Plan) error             { return errTODO }
func Verify(n *netns.Namespace, p Plan) error              { return errTODO }
func Release(n *netns.Namespace) error                     { return errTODO }
func Captured(n *netns.Namespace) (int, error)             { return 0, errTODO }
func Remove(ctx context.Context, n *netns.Namespace) error { return errTODO }
func Render(p Plan) string                                 { return "" }
