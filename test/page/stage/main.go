// Command stage starts a manager with a fleet of simulated machines, for the tests of its web page and for looking at it.
// It prints a line of JSON, with the address, the tokens of somebody who may do everything and of one who may only look, and an
// S3 server, and stays until it is interrupted.
//
//	cd test && go run ./page/stage -clusters 20
//
// The machines speak the real API, and test a target as real ones do; what they say of their etcd is made up. Journeys that need
// a real node are elsewhere.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	ctrl "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"

	"github.com/holdfast-dev/holdfast/test/bench/fleet"
)

func main() {
	cfg := fleet.Config{}
	flag.StringVar(&cfg.Program, "program", cmp.Or(os.Getenv("HOLDFAST_SERVER"), "../bin/holdfast-server"), "holdfast-server")
	flag.StringVar(&cfg.Dir, "dir", os.TempDir(), "folder for the manager's data")
	flag.IntVar(&cfg.Clusters, "clusters", 20, "size of the fleet")
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, cfg); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg fleet.Config) error {
	f, err := fleet.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := vary(ctx, f); err != nil {
		return err
	}
	viewer, err := newViewer(ctx, f)
	if err != nil {
		return err
	}
	s3, stop, err := startBucket(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stage: end the S3 server:", err)
		}
	}()
	err = json.NewEncoder(os.Stdout).Encode(map[string]any{"address": f.Address(), "token": f.Token(), "viewer": viewer, "s3": s3})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
