package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// upFlags are those of `lab up`, and of its worker.
type upFlags struct {
	isolation string
	transport string
	timeScale float64
}

func (f *upFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.isolation, "isolation", lab.Shared, "what shares a data plane process: "+strings.Join(lab.Isolations, ", "))
	c.Flags().StringVar(&f.transport, "transport", lab.OverHTTP2, "what carries tunnels: "+strings.Join(lab.Transports, ", "))
	c.Flags().Float64Var(&f.timeScale, "time-scale", 1, "multiplies the kubelet's delays before it restarts what died (10 s, doubling, at most 300 s)")
}

func (f *upFlags) args() []string {
	return []string{"up", "--isolation", f.isolation, "--transport", f.transport, "--time-scale", strconv.FormatFloat(f.timeScale, 'g', -1, 64)}
}

func (f *upFlags) subject() (lab.Subject, error) {
	if !(f.timeScale >= 0.001 && f.timeScale <= 1) { // also refuses NaN
		return lab.Subject{}, usageError{fmt.Errorf("time scale %v is outside 0.001 to 1", f.timeScale)}
	}
	s, err := lab.SubjectOf(f.isolation, lab.Kubelet(f.timeScale))
	if err != nil {
		return s, err
	}
	return s.Over(f.transport)
}

func newLabUpCommand() *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use: "up", Short: "Start a lab; Ctrl-C ends it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := f.subject(); err != nil {
				return err
			}
			return enterLab(c.Context(), true, f.args()...)
		},
	}
	f.add(c)
	return c
}

// newUpWorker is `lab up` inside the lab.
func newUpWorker() *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use: "up", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			subject, err := f.subject()
			if err != nil {
				return err
			}
			o, err := labOptions(c)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			o.Progress = func(line string) { fmt.Fprintln(out, "lab:", line) }
			o.Event = func(e lab.Event) { fmt.Fprintf(out, "lab: %s: %s: %s\n", e.Name, e.Kind, e.Note) }
			l, err := lab.New(o)
			if err != nil {
				return err
			}
			err = runUp(c.Context(), l, subject, inherited(c, lab.BaseFlag), out)
			return joined(c.Context(), err, l.Down())
		},
	}
	f.add(c)
	return c
}

// runUp keeps the lab up until ctx is done or somebody asks for its end.
func runUp(ctx context.Context, l *lab.Lab, s lab.Subject, dir string, out io.Writer) error {
	ctx, down := context.WithCancel(ctx)
	defer down()
	began := time.Now()
	if err := l.Up(ctx); err != nil {
		return err
	}
	socket, err := l.Listen(dir, down)
	if err != nil {
		return err
	}
	socket.Trust = func(ctx context.Context, workload string, progress io.Writer) ([]byte, error) {
		return lookAt(ctx, l, workload, progress)
	}
	served := make(chan error, 1)
	go serveSocket(ctx, socket, down, served)
	err = l.Place(ctx, s)
	if err == nil {
		fmt.Fprintf(out, "lab: up after %v, isolation %s\n\n%s", time.Since(began).Round(100*time.Millisecond), s.Name, hints(s))
		<-ctx.Done()
	}
	down()
	if socketErr := <-served; err == nil {
		err = socketErr
	}
	return err
}

// serveSocket ends the lab when its socket fails: nobody could reach it any more.
func serveSocket(ctx context.Context, s *lab.Socket, down context.CancelFunc, served chan<- error) {
	defer down()
	served <- s.Serve(ctx)
}

// hints are what to try. Without a data plane nobody resolves the services' virtual
// addresses: names lead to the pods themselves, and to their own port.
func hints(s lab.Subject) string {
	page := "http://checkout.tenant-a/"
	if s.Isolation == lab.None {
		page = fmt.Sprintf("http://checkout.tenant-a:%d/", lab.PagePort)
	}
	return fmt.Sprintf(`Try, from another terminal:
  bulkhead lab exec tenant-a/web -- curl %s
  bulkhead lab status
Ctrl-C ends the lab, and so does: bulkhead lab down
`, page)
}
