package theft

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft/keyscan"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
)

// Look records what the processes of the data plane that is placed now hold and may do.
func Look(ctx context.Context, l *lab.Lab, p Params) (*trust.Record, error) {
	record, err := p.record(l.Topology(), "now")
	if err != nil {
		return nil, err
	}
	status := l.Status()
	if status.Isolation == lab.None {
		return nil, &lab.Misuse{Sentence: "the lab has no data plane: there is no process to trust (bulkhead lab up --isolation shared)"}
	}
	s, err := look(ctx, l, p, record, status.Subject, status.Isolation)
	if err != nil {
		return nil, err
	}
	record.Subjects = append(record.Subjects, s)
	return record, record.Validate()
}

func look(ctx context.Context, l *lab.Lab, p Params, r *trust.Record, name, isolation string) (trust.Subject, error) {
	s := trust.Subject{Name: name, Isolation: isolation, Issued: []trust.Issued{}, Attempts: []trust.Attempt{}}
	usage, err := l.Usage()
	if err != nil {
		return s, err
	}
	names, err := l.NamespaceNames()
	if err != nil {
		return s, err
	}
	issued, err := l.Signed()
	if err != nil {
		return s, err
	}
	s.At = time.Now().UTC()
	var spki [][]byte
	for _, i := range issued {
		s.Issued = append(s.Issued, trust.Issued{Identity: i.Identity.String(), PublicKey: i.PublicKey, NotAfter: i.NotAfter})
		spki = append(spki, i.PublicKey)
	}
	keys, err := keyscan.NewKeys(spki)
	if err != nil {
		return s, err
	}
	for _, u := range usage.Procs {
		one, err := process(r, u.Proc, names)
		if err != nil {
			return s, err
		}
		s.Processes = append(s.Processes, one)
	}
	return s, scan(ctx, p, keys, &s)
}

// scan reads the memory of every process, as many at a time as there are CPUs.
func scan(ctx context.Context, p Params, keys *keyscan.Keys, s *trust.Subject) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	said := make(chan string, len(s.Processes))
	ended := make(chan error, 1)
	go func() {
		for i := range s.Processes {
			group.Go(func() error { return scanOne(ctx, keys, s.Name, &s.Processes[i], said) })
		}
		ended <- group.Wait()
		close(said)
	}()
	for line := range said {
		p.progress("%s", line)
	}
	return <-ended
}

func scanOne(ctx context.Context, keys *keyscan.Keys, subject string, p *trust.Process, said chan<- string) error {
	found, stats, err := keys.InProcess(ctx, p.PID)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	for _, f := range found {
		p.Found = append(p.Found, trust.Found{Key: f.Key, Forms: f.Forms})
	}
	p.Scan = trust.Scan{Bytes: stats.Bytes, Tested: stats.Tested, Took: stats.Took}
	said <- fmt.Sprintf("%s: %s: %.1f MiB, %d scalars, keys found: %d (%v)", subject, p.Name,
		float64(stats.Bytes)/(1<<20), stats.Tested, len(found), stats.Took.Round(time.Millisecond))
	return nil
}

// process is what the kernel and the lab say of one, without its memory.
func process(r *trust.Record, p lab.Proc, names map[string]string) (trust.Process, error) {
	powers, err := powersOf(p.PID, names)
	if err != nil {
		return trust.Process{}, err
	}
	if powers.Filtered && p.Role == lab.RoleCell {
		powers.Calls = len(jail.Spec{Caps: powers.Capabilities}.SystemCalls())
	}
	one := trust.Process{
		Name: p.Name, Role: p.Role, Node: p.Node, PID: p.PID, Pods: p.Pods, Found: []trust.Found{}, Powers: powers,
		Signable: []string{},
	}
	if one.Pods == nil {
		one.Pods = []string{}
	}
	for _, w := range r.Workloads {
		mine := slices.Contains(p.Pods, w.Name) || p.Role == lab.RoleKeeper && w.Node == p.Node
		if mine && !slices.Contains(one.Signable, w.Identity) {
			one.Signable = append(one.Signable, w.Identity)
		}
	}
	return one, nil
}
