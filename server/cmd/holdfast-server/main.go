// Command holdfast-server is the manager of a fleet: a Kubernetes-style API, the enrolment of machines, and the
// controllers that have snapshots taken, tested and restored.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// version is set by the build.
var version = "dev"

func main() {
	// Kubernetes' packages put flags of their own there, and cobra takes what it finds.
	pflag.CommandLine = pflag.NewFlagSet(os.Args[0], pflag.ContinueOnError)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly end. A second one ends the program at once, whatever it hangs in.
	context.AfterFunc(ctx, stop)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "holdfast-server:", err)
	if next := problem.NextOf(err); next != "" {
		fmt.Fprintln(os.Stderr, "next:", next)
	}
	os.Exit(int(problem.KindOf(err)))
}
