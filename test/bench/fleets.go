package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/test/bench/fleet"
)

// The aims for a fleet.
const (
	// maxGrowth over linear: 3.7 from 300 to 1,000 clusters.
	maxGrowth = 3.7 * 300 / 1000
	// maxResident at 1,000 clusters, in bytes: API server, controllers and etcd are one process.
	maxResident = 3 << 29
)

func measureFleets(ctx context.Context, o options) (section, error) {
	sizes, err := numbers(o.fleets)
	if err != nil {
		return section{}, err
	}
	var all []fleet.Result
	for _, clusters := range sizes {
		r, err := fleet.Measure(ctx, fleet.Config{
			Program: filepath.Join(o.bin, "holdfast-server"), Dir: o.dir, Clusters: clusters, Rest: o.rest, Restarts: o.restarts,
		})
		if err != nil {
			return section{}, fmt.Errorf("a fleet of %d clusters: %w", clusters, err)
		}
		all = append(all, r)
	}
	return section{title: "A fleet", body: fleetText(all, o.rest)}, nil
}

func fleetText(all []fleet.Result, rest time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, fleetHead, rest)
	b.WriteString(measured() + ".\n\n| clusters |")
	for _, r := range all {
		fmt.Fprintf(&b, " %d |", r.Clusters)
	}
	b.WriteString(" growth, aim |\n|---|" + strings.Repeat("---|", len(all)+1) + "\n")
	row := func(name, format string, value func(fleet.Result) float64, aim string) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, r := range all {
			fmt.Fprintf(&b, " "+format+" |", value(r))
		}
		fmt.Fprintf(&b, " %s |\n", aim)
	}
	perHour := func(r fleet.Result) float64 { return r.RestCPU * float64(r.Machines) }
	stored := func(r fleet.Result) float64 { return r.RestWrites * float64(r.Machines) }
	save := func(r fleet.Result) float64 { return r.Save }
	row("at rest: CPU-seconds for each machine and hour", "%.2f", func(r fleet.Result) float64 { return r.RestCPU }, growth(all, perHour))
	row("at rest: cores", "%.3f", func(r fleet.Result) float64 { return perHour(r) / time.Hour.Seconds() }, "")
	row("at rest: API writes for each machine and hour", "%.1f", func(r fleet.Result) float64 { return r.RestWrites }, growth(all, stored))
	row("a save of every cluster: CPU-seconds", "%.1f", save, growth(all, save))
	row("a save of every cluster: API writes for each cluster", "%.1f", func(r fleet.Result) float64 { return r.SaveWrites }, "")
	row("joining, from nothing: CPU-seconds", "%.0f", func(r fleet.Result) float64 { return r.Join }, growth(all, func(r fleet.Result) float64 { return r.Join }))
	row("resident at rest, MiB", "%.0f", func(r fleet.Result) float64 { return float64(r.Resident >> 20) }, "")
	row("resident at most, MiB", "%.0f", func(r fleet.Result) float64 { return float64(r.Peak >> 20) }, memoryAim(all))
	for i := range all[0].Restarts {
		restartRows(&b, all, i)
	}
	return b.String()
}

// growth from each size to the next, against what linear would be.
func growth(all []fleet.Result, value func(fleet.Result) float64) string {
	var parts []string
	for i := 1; i < len(all); i++ {
		before, after := all[i-1], all[i]
		ratio, limit := value(after)/value(before), maxGrowth*float64(after.Clusters)/float64(before.Clusters)
		parts = append(parts, judged(fmt.Sprintf("%.2f ×, ≤ %.1f", ratio, limit), ratio <= limit))
	}
	return strings.Join(parts, "; ")
}

func judged(text string, good bool) string {
	if good {
		return text
	}
	return "**missed**: " + text
}

func memoryAim(all []fleet.Result) string {
	last := all[len(all)-1]
	if last.Clusters != 1000 {
		return ""
	}
	return judged(fmt.Sprintf("≤ %d at 1000", maxResident>>20), last.Peak <= maxResident)
}

func restartRows(b *strings.Builder, all []fleet.Result, i int) {
	fmt.Fprintf(b, "| %s in the middle of a save: steps done by then |", all[0].Restarts[i].Signal)
	for _, r := range all {
		fmt.Fprintf(b, " %d of %d |", r.Restarts[i].Begun, r.Restarts[i].Steps)
	}
	b.WriteString(" |\n| … nobody answered for |")
	faults := 0
	for _, r := range all {
		fmt.Fprintf(b, " %.1f s |", r.Restarts[i].Away.Seconds())
		faults += len(r.Restarts[i].Faults)
	}
	b.WriteString(" |\n| … objects lost, steps handed out twice |")
	for _, r := range all {
		fmt.Fprintf(b, " %d |", len(r.Restarts[i].Faults))
	}
	fmt.Fprintf(b, " %s |\n", judged("0", faults == 0))
}

const fleetHead = `What a manager with its embedded API server and etcd costs: one real ` + "`holdfast-server`" + ` process, with a fleet of
simulated agents (` + "`internal/simulated`" + `) in another process, whose cost does not count. Each agent has joined with a token
of its own, has an identity, an API token and a TLS connection of its own, follows its MachinePlan by a watch
that is opened anew every five to ten minutes, renews its Lease every 30 s, tells its numbers every five minutes, and holds
five snapshots. A cluster is three machines. Only the work on the machine itself is left out. The server runs with the memory
limit of its systemd unit, GOMEMLIMIT=1280MiB. Its data lies in memory (` + "`-dir`" + `): not the disk is measured.

- At rest: %s, beginning a minute after all clusters were ready. CPU-seconds are those of the server's process, user and
  system; writes are what the store's revision grows by: everything that anybody has written. An agent's token is renewed
  every 40 minutes; that does not fall into this time.
- A save: an ` + "`EtcdSnapshotSave`" + ` for every cluster at once, until all have finished and their plans are cleared. What the fleet
  takes at rest during that time is subtracted.
- Restarts: while such a save is under way the server is ended and started again with the same data. Each agent keeps a
  journal: a step that comes twice, a plan that goes back or changes under the same serial, or an acknowledged answer
  that is gone is a fault, and so is any object that was there before and is not after.
- Linear growth would be 3.0 × and 3.33 ×; up to 11 %% above is allowed for.

` + "`scripts/bench.sh -only h`" + ` repeats it; ` + "`-fleets 100 -rest 2m`" + ` is a short look.

`
