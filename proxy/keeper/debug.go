package keeper

import (
	"net/http"
	"net/http/pprof"
)

// debugRoutes are Go's profiles of the keeper. Those of a cell are not offered: a cell has
// no way for anybody to ask it anything but its channel.
func debugRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /debug/pprof/", pprof.Index)
	m.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	m.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}
