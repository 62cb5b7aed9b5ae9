// Package rules renders, installs, verifies and removes the rules that capture
// a pod's TCP connections.
package rules
