// Command stage starts a manager with a fleet of simulated machines, for the tests of its web page and for looking at it.
// It prints a line of JSON, with the address, an S3 server, and the tokens of somebody who may do everything, of one who may
// only look, of one who may look at a single cluster, and of one who may do nothing; and stays until it is interrupted.
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
	server := flag.String("join", "", "start no manager, but one machine that joins the one at this address, with $HOLDFAST_JOIN_TOKEN")
	name := flag.String("name", "machine", "name of that machine")
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	do := func() error { return run(ctx, cfg) }
	if *server != "" {
		do = func() error { return join(ctx, *server, *name) }
	}
	if err := do(); err != nil && !errors.Is(err, context.Canceled) {
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
	people := map[string]any{"address": f.Address(), "token": f.Token()}
	for _, p := range others {
		if people[p.name], err = p.enter(ctx, f); err != nil {
			return err
		}
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
	people["s3"] = s3
	err = json.NewEncoder(os.Stdout).Encode(people)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
