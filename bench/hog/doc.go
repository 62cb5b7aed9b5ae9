// Package hog is an application that takes what it can get of its container: all CPU, or
// memory until the kernel ends somebody.
//
//	err := hog.CPU(ctx)
//	err := hog.Memory(ctx, 1<<30)
//
// The memory is that of files in memory, as in an emptyDir of medium Memory, and not of
// the process: it counts for the container and for the pod, and not for the one who took
// it. So when a limit is reached the kernel chooses among those below that limit by what
// they have themselves. Where the container has a limit that is the hog alone. Where only
// the pod has one it is whoever of the pod is largest, and beside a small application
// that is its sidecar.
package hog
