// Package manager is the manager's process: it brings up the Kubernetes API, embedded or somebody's, the port that
// machines and people reach it at, and the controllers, and ends them in the opposite order.
//
// What it decides is only how the parts hang together; each part stands in a package of its own. Start reading at
// [Start].
package manager
