// Package systemd talks to the machine's service manager: it reads how a unit is started, starts it, stops it until no
// process is left, and keeps it from starting.
//
// It knows nothing of etcd or of any distribution, and writes no file but the drop-in of a [Condition]. Start reading at
// [Unit].
package systemd
