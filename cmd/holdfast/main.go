// Command holdfast backs up and restores etcd, and proves that each backup restores.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/etcdmain"

	"github.com/holdfast-dev/holdfast/internal/cli"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// version is set by the build.
var version = "dev"

// serveEtcd is the hidden first argument with which this program runs as an etcd: trial restores need a real one, and
// so no other program has to be installed.
const serveEtcd = "internal-etcd"

// Live memory is small and bounded by design, at most about 50 MiB; garbage is not, because every message of a snapshot
// stream is some. With this limit the collector keeps both together below the 96 MiB that a save or a restore may use
// on a node. A lower one would make it run all the time.
const memoryLimit = 84 << 20

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveEtcd {
		etcdmain.Main(append([]string{"etcd"}, os.Args[2:]...))
		return
	}
	os.Exit(run())
}

func run() int {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for an orderly end. A second one ends the program at once, whatever it hangs in.
	defer context.AfterFunc(ctx, stop)()
	// A log that nobody reads any more must not end a save or a restore half-way.
	signal.Ignore(syscall.SIGPIPE)
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return cli.Run(ctx, &console.Console{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now,
		Version: version, Etcd: []string{self, serveEtcd},
	}, os.Args[1:])
}
