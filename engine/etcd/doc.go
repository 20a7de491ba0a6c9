// Package etcd talks to a live etcd the way a backup client needs to: it finds out how the cluster is, decides from
// which member a snapshot may be taken, and receives that snapshot.
//
// A snapshot is only as good as the member it comes from, and taking it costs that member CPU and file growth. So the
// package separates looking, deciding and taking:
//
//   - [Dial] knows the cluster by etcdctl's own settings ([Config], [FromEnviron]) and keeps one connection per
//     endpoint, so that what was asked of an endpoint and what it then sends come from the same server;
//   - [Client.Inspect] asks all endpoints at once and returns the [Cluster]. One member that is down is a row with an
//     error, not an error;
//   - [Choose] is a pure function from what was seen to the members worth asking, with a reason for each that is not;
//   - [Client.Snapshot] receives the stream of one member, counts it and times it. A [Stream] ends with io.EOF only
//     when every byte that the server announced has arrived;
//   - [Client.HashKV] and [Client.CompactRevision] ask for what a snapshot is later compared with;
//   - [Client.Membership] reads the member table, and [Client.AddLearner], [Client.Promote] and [Client.RemoveMember]
//     change it, for a restore that replaces one member.
//
// What an operator can do something about (wrong CA, missing client certificate, plain http against TLS, wrong
// password, …) comes back as a problem.Error that says so; see explain.go and probe.go.
//
// The package must not write to etcd's keys, nor even disarm an alarm, and knows nothing of stores or formats. Nothing that
// looks, decides or takes changes the membership.
//
// Start reading at [Client.Inspect].
package etcd
