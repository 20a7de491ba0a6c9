package fleet

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Config of a measurement.
type Config struct {
	// Program is holdfast-server.
	Program string
	// Dir is where the server's data goes, in a directory that is removed in the end.
	Dir string
	// Clusters of three machines each.
	Clusters int
	// Rest is how long the fleet is watched while nothing happens.
	Rest time.Duration
	// Restarts has the server ended by SIGTERM and by SIGKILL.
	Restarts bool
}

// Result of a measurement.
type Result struct {
	Clusters, Machines int
	// Join is what it took from an empty server to a fleet that is ready, in CPU-seconds of the server.
	Join float64
	// RestCPU and RestWrites are what the server used, and stored, for each machine and hour at rest.
	RestCPU, RestWrites float64
	// Resident at the end of the rest, and the most of all, in bytes.
	Resident, Anonymous, Peak int64
	// Save is what a save of every cluster took beyond the rest that went on meanwhile, in CPU-seconds; Took is how long.
	Save float64
	Took time.Duration
	// SaveWrites are stored for it beyond rest, for each cluster.
	SaveWrites float64
	Restarts   []Restart
}

// settle is how long a fleet is left alone after it has joined, so that its start does not count as rest.
const settle = time.Minute

// Measure makes a fleet and measures it.
func Measure(ctx context.Context, cfg Config) (Result, error) {
	r := Result{Clusters: cfg.Clusters, Machines: perCluster * cfg.Clusters}
	fmt.Fprintf(os.Stderr, "%d clusters join …\n", cfg.Clusters)
	f, err := Start(ctx, cfg)
	if err != nil {
		return r, err
	}
	defer f.Close()
	joined, err := UsageOf(f.PID())
	if err != nil {
		return r, err
	}
	r.Join = joined.CPU
	fmt.Fprintf(os.Stderr, "  joined: %.1f CPU-seconds, %d MiB\n", r.Join, joined.Resident>>20)
	rate, err := f.rest(ctx, cfg.Rest, &r)
	if err != nil {
		return r, err
	}
	if err := f.save(ctx, rate, &r); err != nil {
		return r, err
	}
	if !cfg.Restarts {
		return r, f.peak(&r)
	}
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		if err := f.peak(&r); err != nil {
			return r, err
		}
		restart, err := f.restart(ctx, signal, fmt.Sprintf("signal-%d", signal))
		if err != nil {
			return r, fmt.Errorf("%s: %w", signal, err)
		}
		r.Restarts = append(r.Restarts, restart)
	}
	return r, f.peak(&r)
}

// peak is read before each end of the process: the kernel keeps one for each.
func (f *Fleet) peak(r *Result) error {
	u, err := UsageOf(f.PID())
	r.Peak = max(r.Peak, u.Peak)
	return err
}

// rest watches the fleet while nothing happens, and returns how much processor it takes: CPU-seconds in a second.
func (f *Fleet) rest(ctx context.Context, length time.Duration, r *Result) (float64, error) {
	if err := pass(ctx, settle); err != nil {
		return 0, err
	}
	stored, err := f.revision(ctx)
	if err != nil {
		return 0, err
	}
	before, err := UsageOf(f.PID())
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := pass(ctx, length); err != nil {
		return 0, err
	}
	after, err := UsageOf(f.PID())
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	storedAfter, err := f.revision(ctx)
	if err != nil {
		return 0, err
	}
	hours := float64(r.Machines) * took.Hours()
	r.RestCPU, r.RestWrites = (after.CPU-before.CPU)/hours, float64(storedAfter-stored)/hours
	r.Resident, r.Anonymous = after.Resident, after.Anonymous
	fmt.Fprintf(os.Stderr, "  at rest: %.2f CPU-seconds and %.1f writes for each machine and hour (%.3f cores), %d MiB, %d of them anonymous\n",
		r.RestCPU, r.RestWrites, (after.CPU-before.CPU)/took.Seconds(), after.Resident>>20, after.Anonymous>>20)
	return (after.CPU - before.CPU) / took.Seconds(), nil
}

// save has every cluster saved at once.
func (f *Fleet) save(ctx context.Context, rate float64, r *Result) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stored, err := f.revision(ctx)
	if err != nil {
		return err
	}
	before, err := UsageOf(f.PID())
	if err != nil {
		return err
	}
	began := time.Now()
	if err := f.saveAll(ctx, "measured"); err != nil {
		return err
	}
	if err := f.awaitSaves(ctx, "measured"); err != nil {
		return err
	}
	r.Took = time.Since(began)
	after, err := UsageOf(f.PID())
	if err != nil {
		return err
	}
	storedAfter, err := f.revision(ctx)
	if err != nil {
		return err
	}
	r.Save = after.CPU - before.CPU - rate*r.Took.Seconds()
	r.SaveWrites = (float64(storedAfter-stored) - r.RestWrites*float64(r.Machines)*r.Took.Hours()) / float64(r.Clusters)
	fmt.Fprintf(os.Stderr, "  a save of each: %.1f CPU-seconds beyond rest, %s, %.1f writes for each cluster beyond rest, %d MiB\n",
		r.Save, r.Took.Round(time.Second), r.SaveWrites, after.Resident>>20)
	return nil
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
