package xds

// Resource is one thing that a server has to say.
type Resource struct {
	Name    string
	Version string
	Value   []byte // the message, without its type

	// For servers only.
	Aliases []string // other names that it is demanded by
	Groups  []string // names of resources with which it must be known
	Scope   string   // a view may show those of some scopes only; empty: everybody's
	Node    string   // where it runs, for views
}

// Response is what a server said of one type at once.
type Response struct {
	Type      string
	Resources []Resource
	Removed   []string // names, also of what was demanded and is not there
}
