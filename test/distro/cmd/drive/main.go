// Command drive has Holdfast's driver of k3s and rke2 do one thing on the machine that it runs on, without an agent:
//
//	drive FLAVOUR STATE VERB [SETTINGS]
//
// Settings and results are JSON. It is for tests, which may kill it at any moment.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/k3s"
	"github.com/holdfast-dev/holdfast/internal/supervise"
)

// limit is for a machine that is busy with other tests.
const limit = 100 * time.Second

// releases is where the lab has them: each in a directory named after its version.
const releases = "/opt/distro"

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	result, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\n(next: %s)\n", err, problem.NextOf(err))
		os.Exit(int(problem.KindOf(err)))
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: drive FLAVOUR STATE VERB [SETTINGS]")

func run(ctx context.Context, args []string) (any, error) {
	if len(args) < 3 {
		return nil, errUsage
	}
	flavour := k3s.K3s
	if args[0] == k3s.RKE2.Name {
		flavour = k3s.RKE2
	}
	supervisor, err := supervised(args[1])
	if err != nil {
		return nil, err
	}
	d := k3s.New(k3s.Config{Flavour: flavour, StateDir: args[1], ArtifactDir: releases, Supervisor: supervisor})
	settings := "null"
	if len(args) > 3 {
		settings = args[3]
	}
	return do(ctx, d, args[2], []byte(settings))
}

// command is in the environment where the distribution runs without systemd: how it is started, as JSON.
const command = "HOLDFAST_SUPERVISE"

// supervised runs it; nil where systemd does.
func supervised(state string) (*supervise.Supervisor, error) {
	text, ok := os.LookupEnv(command)
	if !ok {
		return nil, nil //nolint:nilnil // that is what the driver takes for systemd
	}
	var words []string
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		return nil, err
	}
	return supervise.New(supervise.Config{
		Command: words, StateDir: state, Is: k3s.Recognize(words), Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}), nil
}

// do calls one method of the driver.
func do(ctx context.Context, d *k3s.Driver, verb string, settings []byte) (any, error) {
	switch verb {
	case "stop":
		return nil, d.Stop(ctx)
	case "start":
		return nil, d.Start(ctx)
	case "fence":
		return nil, d.Fence(ctx)
	case "unfence":
		return nil, d.Unfence(ctx)
	case "fenced":
		return d.Fenced()
	case "running":
		return d.Running(ctx)
	case "belongings":
		return d.Belongings(ctx)
	case "discover":
		return d.Discover(ctx)
	case "point":
		return with(settings, func(server string) (any, error) { return nil, d.Point(ctx, distro.Joining{Server: server}) })
	case "abandon":
		return with(settings, func(id string) (any, error) { return nil, d.Abandon(ctx, id) })
	case "admit":
		return with(settings, func(a distro.Admission) (any, error) { return d.Admit(ctx, a) })
	case "promote":
		return with(settings, func(a distro.Admitted) (any, error) { return nil, d.Promote(ctx, a) })
	case "join":
		return nil, d.Join(ctx, distro.Admitted{})
	case "keep":
		return with(settings, func(versions []string) (any, error) { return nil, d.KeepProgram(ctx, versions) })
	case "installable":
		return with(settings, func(version string) (any, error) { return nil, d.Installable(ctx, version) })
	case "install":
		return with(settings, func(version string) (any, error) { return nil, d.Install(ctx, version) })
	case "configure":
		return with(settings, func(config json.RawMessage) (any, error) { return nil, d.Configure(ctx, config, nil) })
	case "restore":
		return with(settings, func(c restore) (any, error) { return c.run(ctx, d) })
	}
	return nil, fmt.Errorf("%w: no such verb: %s", errUsage, verb)
}

func with[T any](settings []byte, call func(T) (any, error)) (any, error) {
	var v T
	if err := json.Unmarshal(settings, &v); err != nil {
		return nil, err
	}
	return call(v)
}

// restore is what a test says of one.
type restore struct{ ID, File, TokenFile string }

func (c restore) run(ctx context.Context, d *k3s.Driver) (any, error) {
	return d.Restore(ctx, distro.RestoreConfig{
		ID: c.ID, File: c.File, TokenFile: c.TokenFile, SpoolDir: os.TempDir(),
		Report: func(message, output string) { fmt.Fprintln(os.Stderr, message, output) },
	})
}
