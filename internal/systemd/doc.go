// Package systemd talks to the machine's service manager: it reads how a unit is started, starts it, stops it until no
// process is left, keeps it from starting, and launches programs that outlive the agent.
//
// It knows nothing of etcd or of any distribution, and writes no file but the drop-ins of units. Start reading at
// [Unit].
package systemd
