// Command demo shows on a real etcd what Holdfast is for: it starts a cluster of three members on loopback, fills it
// with objects as a Kubernetes API server would store them, saves it, proves the snapshot, loses the cluster, and
// brings it back. It runs the holdfast program as a user would, prints each command line before, and ends with one line
// that states its verdict. Nothing of it stays behind.
//
// It must not check anything that it has not asked a real server. Start reading at run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// A demo that hangs shows nothing.
const limit = 10 * time.Minute

func main() {
	holdfast := flag.String("holdfast", "bin/holdfast", "the program to show")
	objects := flag.Int("objects", 4000, "objects to fill the etcd with")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	verdict, err := run(ctx, *holdfast, *objects)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		fmt.Printf("\nDEMO FAILED: %v\n", err)
		stop()
		os.Exit(1) //nolint:gocritic // the deferred calls have nothing left to do
	}
	fmt.Printf("\nDEMO PASSED: %s\n", verdict)
}
