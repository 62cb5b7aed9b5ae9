package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// RemovePod takes one pod out of the data plane that runs, as when it is deleted;
// its application stays. Without a data plane it does nothing. Like AddPod it must
// not run at the same time as Place or Displace.
func (l *Lab) RemovePod(ctx context.Context, name string) error {
	p, ok := l.topology.Pod(name)
	d := l.dataPlane()
	switch {
	case !ok:
		return l.unknownPod(name)
	case d == nil:
		return nil
	case d.subject.OnNode():
		return at("remove", name, d.admins[p.Node].remove(ctx, name))
	}
	c := d.serving[name]
	c.leave()
	err := l.capture(ctx, p, "remove", "--timeout", Drain.String())
	c.stop()
	return at("remove", name, err)
}

// AddPod puts the pod back and returns when it is captured and served: on a node
// when its keeper says so, else when its sidecar is ready.
func (l *Lab) AddPod(ctx context.Context, name string) error {
	p, ok := l.topology.Pod(name)
	d := l.dataPlane()
	switch {
	case !ok:
		return l.unknownPod(name)
	case d == nil:
		return nil
	case d.subject.OnNode():
		return at("add", name, d.admins[p.Node].add(ctx, p, l.netnsPath(p)))
	}
	if err := l.capture(ctx, p, "install", "--placement", "sidecar"); err != nil {
		return at("add", name, err)
	}
	c := d.serving[name]
	if err := c.start(ctx); err != nil {
		return at("add", name, err)
	}
	d.keep(c)
	return nil
}

// maxPage bounds what Ask reads of a page.
const maxPage = 1 << 20

// Ask sends one request from a pod to the page of another, on a connection of its
// own, and returns when it has been answered.
func (l *Lab) Ask(ctx context.Context, from, to string) error {
	target, ok := l.topology.Pod(to)
	if !ok {
		return l.unknownPod(to)
	}
	ns := l.fabric.pods[from]
	if ns == nil {
		return l.unknownPod(from)
	}
	remote := netip.AddrPortFrom(target.IPv4, PagePort)
	c := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return ns.Dial(ctx, netns.DialOptions{Remote: remote})
		},
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+remote.String()+"/", nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(r)
	if err != nil {
		return at("ask", from, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxPage)); err != nil {
		return at("ask", from, err)
	}
	if resp.StatusCode != http.StatusOK {
		return at("ask", from, fmt.Errorf("%s answered %s", to, resp.Status))
	}
	return nil
}
