// Package config reads how a K3s or RKE2 node is configured, by the rules of those programs themselves: config.yaml, then
// config.yaml.d in the order of its names, put before the arguments of the command line; and the environment where neither
// says anything.
//
// It touches no file but to read it, keeps no secret longer than its caller, and checks nothing: whatever the program would make
// of a value, it is reported as it stands. [Render] is the way back, for whoever writes one. Start reading at [Read].
package config
