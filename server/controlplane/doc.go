// Package controlplane runs a Kubernetes control plane inside this process: an API server on an embedded etcd, and the
// few controllers that resources, namespaces and service accounts cannot do without. There are no nodes and no pods.
//
// It is holdfast-server's database and API when no existing Kubernetes is given. Everything that it keeps lies below
// one directory: etcd's data, the keys, the encryption of Secrets at rest. Whoever has that directory has the cluster.
//
// Nothing here listens off loopback: etcd is on a unix socket, the API server on a loopback port behind the server's own.
// Start reading at Start.
package controlplane
