// Package server runs real servers for whoever needs one: tests, the demo, the benchmark, the soak. Real etcd of three
// minor versions with one or three members, kube-apiserver, MinIO, versitygw, the EC2 metadata stand-in, toxiproxy.
//
// Every server is a child process on 127.0.0.1 with its own process group and a log file below the directory that it
// was given. It dies with this process, however that ends. A Start function returns when the server answers, or an
// error that carries the last lines of its log; its context bounds the start and nothing after it. Ports are reserved
// against every other process that uses this package, so that a stopped member finds its port free again.
//
// The package knows nothing of testing; servertest beside it does. Neither may know anything of Holdfast itself: what
// is tested must not help to set its own stage. The programs come from test/tools; start reading at [StartEtcd].
package server
