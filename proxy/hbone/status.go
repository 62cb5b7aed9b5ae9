package hbone

// The statuses that answer a CONNECT. An error is HEADERS with END_STREAM and
// no body; 200 is sent only once the application took the connection.
const (
	StatusOK           = 200 // connected to the application
	StatusBadRequest   = 400 // not a CONNECT, or an authority that is not ours to serve
	StatusUnauthorized = 401 // policy said no; HBONE uses 401 here, not 403
	StatusUnavailable  = 503 // unknown workload, own port, or the application did not answer
)
