package xds

import (
	"slices"
	"strconv"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// stream is one proxy; its goroutine owns it.
type stream struct {
	server *Server
	grpc   discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer
	news   chan struct{} // one: something changed
	node   string        // as it calls itself, for the log
	view   View          // nil: before the first request
	types  map[string]*watch
	nonce  uint64
}

// watch is a stream's subscription to one type.
type watch struct {
	typ      string
	store    *store
	wildcard bool
	names    map[string]bool   // subscribed to
	along    map[string]bool   // came with those: for an alias, or of a group
	asked    []string          // names to answer
	seq      uint64            // what is told up to here
	has      map[string]string // what the proxy said that it has; nil once compared
	greeted  bool              // its first answer is sent
	pending  string            // nonce of the response that is not answered yet
}

// hear takes a request: a subscription, an ACK, a NACK, or several in one.
func (x *stream) hear(r *discoveryv3.DeltaDiscoveryRequest) error {
	if x.view == nil {
		if err := x.meet(r); err != nil {
			return err
		}
	}
	w := x.types[r.TypeUrl]
	if w == nil {
		store := x.server.stores[r.TypeUrl]
		if store == nil {
			x.server.config.Log.Warn("discovery: a type that is not served", "node", x.node, "type", r.TypeUrl)
			return nil // the stream's other types are none the worse
		}
		w = &watch{typ: r.TypeUrl, store: store, names: map[string]bool{}, along: map[string]bool{}, has: r.InitialResourceVersions, wildcard: len(r.ResourceNamesSubscribe) == 0}
		x.types[r.TypeUrl] = w
	}
	if err := w.subscribe(r); err != nil {
		return x.server.refuse(x.node, err)
	}
	if r.ResponseNonce != "" && r.ResponseNonce == w.pending {
		w.pending = ""
		if r.ErrorDetail != nil {
			x.server.config.Log.Error("discovery: rejected by a proxy", "node", x.node, "type", w.typ, "why", r.ErrorDetail.Message)
		}
	}
	return x.push()
}

func (x *stream) meet(r *discoveryv3.DeltaDiscoveryRequest) error {
	x.node, x.view = r.Node.GetId(), func(*Resource) bool { return true }
	if view := x.server.config.View; view != nil {
		v, err := view(x.grpc.Context(), r.Node)
		if err != nil {
			return err
		}
		x.view = v
	}
	x.server.join(x) // from here on it is woken
	return nil
}

func (w *watch) subscribe(r *discoveryv3.DeltaDiscoveryRequest) error {
	for _, name := range r.ResourceNamesSubscribe {
		switch {
		case name == wildcard:
			w.wildcard = true
			continue
		case len(name) > maxName:
			return errLongName
		case len(w.names) >= maxNames && !w.names[name] || len(w.asked) >= maxNames:
			return errManyNames
		}
		w.names[name] = true
		w.asked = append(w.asked, name)
	}
	for _, name := range r.ResourceNamesUnsubscribe {
		if name == wildcard {
			w.wildcard = false
		} else {
			delete(w.names, name)
			delete(w.along, name)
		}
	}
	return nil
}

// push sends what is new of each type, in order, unless one of it is on its way.
func (x *stream) push() error {
	for _, typ := range x.server.config.Types {
		w := x.types[typ]
		if w == nil || w.pending != "" || w.store.silent() {
			continue
		}
		r, ok := w.next(x.view)
		if !ok {
			return errBehind
		}
		if w.greeted && len(r.Resources) == 0 && len(r.RemovedResources) == 0 {
			continue
		}
		x.nonce++
		r.TypeUrl, r.Nonce = typ, strconv.FormatUint(x.nonce, 10)
		r.SystemVersionInfo = strconv.FormatUint(w.seq, 10)
		w.greeted, w.pending = true, r.Nonce
		if err := x.grpc.Send(r); err != nil {
			return err
		}
	}
	return nil
}

// next is the response that brings the proxy up to date.
func (w *watch) next(view View) (*discoveryv3.DeltaDiscoveryResponse, bool) {
	r := &discoveryv3.DeltaDiscoveryResponse{}
	sent := map[string]bool{}
	add := func(e *entry) {
		if !sent[e.Name] {
			sent[e.Name] = true
			r.Resources = append(r.Resources, e.message(w.typ))
		}
	}
	if !w.greeted {
		w.first(view, add, r)
	} else {
		changed, now, ok := w.store.since(w.seq)
		if !ok {
			return nil, false
		}
		w.seq = now
		for _, e := range changed {
			switch covered := w.covers(e); {
			case covered && e.Value != nil && view(&e.Resource):
				add(e)
			case covered && (e.Value == nil && view(&e.Resource) || e.moved):
				r.RemovedResources = append(r.RemovedResources, e.Name)
				if e.Value == nil {
					delete(w.along, e.Name) // what comes again under its name comes by what was asked for
				}
			}
		}
	}
	w.answer(view, add, r)
	return r, true
}

// first is all that the proxy may see, less what it has, and what it has and should not.
func (w *watch) first(view View, add func(*entry), r *discoveryv3.DeltaDiscoveryResponse) {
	all, now := w.store.all()
	w.seq = now
	has := w.has
	w.has = nil
	there := make(map[string]bool, len(has))
	for _, e := range all {
		version, known := has[e.Name]
		if !view(&e.Resource) || !w.covers(e) && !known {
			continue
		}
		there[e.Name] = true
		if !w.wildcard {
			w.along[e.Name] = true
		}
		if !known || version != e.Version {
			add(e)
		}
	}
	for name := range has {
		if !there[name] {
			r.RemovedResources = append(r.RemovedResources, name)
		}
	}
	slices.Sort(r.RemovedResources)
}

// answer adds what was asked for by name; what is not there is said to be removed.
func (w *watch) answer(view View, add func(*entry), r *discoveryv3.DeltaDiscoveryResponse) {
	removed := map[string]bool{} // a look through the list for each would be quadratic, and others choose how many
	for _, name := range r.RemovedResources {
		removed[name] = true
	}
	for _, name := range w.asked {
		found := false
		for _, e := range w.store.named(name) {
			if !view(&e.Resource) {
				continue
			}
			found = true
			w.along[e.Name] = true // it, and what comes with it, is followed from here on
			add(e)
		}
		if !found && !removed[name] {
			removed[name] = true
			r.RemovedResources = append(r.RemovedResources, name)
		}
	}
	w.asked = nil
}

// covers says whether the proxy subscribed to a resource.
func (w *watch) covers(e *entry) bool {
	return w.wildcard || slices.ContainsFunc(e.keys(), func(k string) bool { return w.names[k] || w.along[k] })
}

// message shares the value with all streams.
func (e *entry) message(typ string) *discoveryv3.Resource {
	return &discoveryv3.Resource{Name: e.Name, Version: e.Version, Aliases: e.Aliases, Resource: &anypb.Any{TypeUrl: typ, Value: e.Value}}
}
