// Package distro holds stand-ins for the Kubernetes distributions k3s and rke2: programs of these names that behave towards
// a node agent and an operator as the real ones do, on a real etcd and a real kube-apiserver. They are for tests and are
// never shipped. What they reproduce, [Conformance] lists with the test that tries each; what they don't:
//
//   - no kubelet, no containerd, no pod: a server or agent that is not told disable-agent makes and renews its own Node;
//   - no scheduler, no controllers but those of nodes, members and snapshot records, so no pod ever runs;
//   - SQLite is an etcd of one member on loopback, below db/sqlite, with a file db/state.db beside it;
//   - learners are promoted after two seconds and not after up to fifteen; a stalled one is not removed;
//   - a server whose member was removed because of an annotation goes on hanging; the real one is said to end;
//   - an S3 config Secret is refused by a reset, and otherwise not read; tokens can't be rotated, secrets not re-encrypted;
//   - a record that is deleted with kubectl does not take its file along;
//   - an rke2 server has no kubelet to wait for, and its containers are plain processes in scopes of their own;
//   - no network plugin, no service proxy, no Helm charts, no external datastore.
//
// A stand-in is one program for one version. It finds etcd and kube-apiserver of its minor in a directory of tools, and
// what it should do otherwise than the newest release in a profile (see package profile): nothing that drives it has to
// know of either.
//
// This package holds the two names, and the paths and keys that are made of them. Start reading at server.Run.
package distro
