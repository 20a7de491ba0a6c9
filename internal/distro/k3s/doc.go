// Package k3s drives K3s and RKE2: one driver for both, since both are the same program in different clothes. What differs
// between them stands in flavour.go and nowhere else.
//
// The driver relies on the programs' own surface alone: units, files, the etcd-snapshot command, the exit and the words of
// a cluster reset. Exit code 0 is never taken for proof of anything. It changes no Kubernetes object but the ConfigMap that
// the distribution has for what goes with its snapshots.
//
// Start reading at [Flavour], then at [Driver].
package k3s
