// Package discovery gives a node or a sidecar its mesh from control, over delta xDS:
// package xds speaks, package wds translates, package mesh keeps.
//
// A [Feed] is a mesh.Source, so whoever has one does not know whether it is control or a
// file. Its first snapshot comes when control has sent policies, workloads and services,
// and of each it is known whom it is about: what cannot be used is refused. Before, every destination is unknown, and
// what is unknown waits. When control is gone, what it said stays.
//
// On demand (onDemand: true), control is asked for an address when a workload first
// calls it, and for what belongs to the workloads that are served here. The memory that
// the mesh takes is then that of what is talked to, and the first connection to an address
// waits for control: without control, an address that was never called stays unknown. With
// everything (the default) it is the other way round. Policies are never on demand.
//
// It is experimental, and has to be called so (experimental: true): a node may ask for
// 131,072 names and gives none back, whoever asks. One workload that scans a network uses
// them up, and after that new addresses and new pods of all its neighbours fail, until the
// node proxy restarts. Nodes that tenants share want everything.
package discovery
