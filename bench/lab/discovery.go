package lab

import (
	"context"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Pushes is what a node's keeper has told its cells because the mesh or their pods
// changed.
type Pushes struct {
	Messages int64 `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

// Pushes are those of a node so far; none where no keeper is placed.
func (l *Lab) Pushes(ctx context.Context, node string) (p Pushes, err error) {
	d := l.dataPlane()
	if d == nil || d.admins[node] == nil {
		return p, nil
	}
	if p.Messages, err = d.admins[node].sum(ctx, "bulkhead_cell_pushed_messages_total"); err != nil {
		return p, at("pushes", node, err)
	}
	p.Bytes, err = d.admins[node].sum(ctx, "bulkhead_cell_pushed_bytes_total")
	return p, at("pushes", node, err)
}

// ChangeMesh replaces the mesh file by that of the topology after an edit, and
// returns its size. Watchers see one file or the other: it is renamed into place.
func (l *Lab) ChangeMesh(edit func(*mesh.File)) (int64, error) {
	f := meshOf(l.topology)
	edit(&f)
	b, err := yaml.Marshal(f)
	if err != nil {
		return 0, at("files", meshFile, err)
	}
	return int64(len(b)), at("files", meshFile, l.replaceMesh(b))
}
