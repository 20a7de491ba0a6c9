// Package mvcc reads an etcd database file offline: what it holds, whether it is whole, and the hash that etcd's own
// HashKV gives for it.
//
// A snapshot is an untrusted file. bbolt, etcd's storage library, trusts what it opens: a damaged page makes it panic,
// partly in a goroutine of its own where nothing can recover, and it needs write access to be useful. This package
// therefore walks the pages by itself, on a read-only mapping, with every offset checked before it is followed. A
// damaged or hostile file gives an error that wraps [ErrDamaged]; it never gives a panic, an endless loop, or memory
// use beyond what a sound file of the same size could cause. What [File.Check] accepts is safe to open with bbolt.
//
// Layers, from the bottom:
//
//   - mapping: [Open] and the guard that turns a fault on the mapping (a file that was truncated, a bad disk) into an
//     error (file.go, map_unix.go);
//   - pages: metas, pages, trees, buckets, as bbolt v1.3 to v1.5 write them (meta.go, page.go, walk.go, bucket.go,
//     structure.go);
//   - records: revisions and key-value records, as etcd v3.4 to v3.7 write them (revision.go, record.go), read
//     newest first so that one pass knows which record of a key is alive (newest.go, keyset.go);
//   - answers: [File.Head], [File.Check], [File.HashKV], [File.Content], [File.Records], [File.Live], [File.Stats].
//
// Start reading at [File.Content].
//
// The package must not write to the file, must not import bbolt or etcd (its tests do, to be measured against them),
// and knows nothing of snapshots, manifests or Kubernetes objects beyond the shape of their keys and the first bytes
// of their values.
package mvcc
