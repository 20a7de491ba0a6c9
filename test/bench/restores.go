package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/test/bench/restore"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// The aims for a restore of three servers of K3s: against the same by hand, and for the plan as a share of it.
const (
	maxRestore = 1.3
	maxPlan    = 0.10
)

const restoreText = `Three servers of K3s (the stand-ins of ` + "`test/distro`" + `: a real etcd and a real kube-apiserver, on machines with systemd) under a
manager, with an agent on each. Both sides restore the same snapshot on the same machines and take turns in going first; the
time is up when every server's API is ready and all three members have a vote. ` + "`scripts/bench.sh -only jk`" + ` repeats it, as root.

- (j) ` + "`holdfast restore create`" + `, with plan, checks and safety snapshot / by hand, at once on all machines: the unit is stopped,
  ` + "`k3s-killall.sh`" + `; on one ` + "`k3s server --cluster-reset --cluster-reset-restore-path`" + ` and start, while the others' databases are moved
  aside; then they are started one after the other
- (k) ` + "`holdfast restore plan`" + ` for itself, as a share of (j). It does nothing to the running cluster: what etcd holds is watched during
  it, and compared with what the cluster writes at rest; no server is restarted, no leader changes

`

// measureRestores compares restores. It wants machines, so another run of this program does it inside a lab.
func measureRestores(ctx context.Context, o options) (section, error) {
	if !lab.Inside() {
		cmd := exec.CommandContext(ctx, os.Args[0], append(slices.Clone(os.Args[1:]), "-only", lettersLab)...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = time.Minute
		return section{}, cmd.Run()
	}
	pairs, err := restore.Measure(ctx, restore.Config{Size: int64(o.restores) << 20, Pairs: o.pairs})
	if err != nil {
		return section{}, err
	}
	return renderRestores(pairs, o), nil
}

func renderRestores(pairs []restore.Pair, o options) section {
	var ratios, shares, hand, ours, plans []float64
	var effects []string
	for _, p := range pairs {
		hand, ours, plans = append(hand, p.Hand.Seconds()), append(ours, p.Holdfast.Seconds()), append(plans, p.Plan.Seconds())
		ratios, shares = append(ratios, p.Holdfast.Seconds()/p.Hand.Seconds()), append(shares, p.Plan.Seconds()/p.Holdfast.Seconds())
		if p.Effect != "" {
			effects = append(effects, p.Effect)
		}
	}
	var b strings.Builder
	b.WriteString(restoreText)
	fmt.Fprintf(&b, "%s, %d pairs, a database of %d MiB.\n\n", measured(), len(pairs), o.restores)
	b.WriteString("| | measure | min | median | max | aim | by hand, median | holdfast, median |\n|---|---|---|---|---|---|---|---|\n")
	fmt.Fprintf(&b, "| (j) | restore / by hand | %.2f | %s | %.2f | ≤ %.2f | %s | %s |\n", slices.Min(ratios),
		judged(fmt.Sprintf("**%.2f**", median(ratios)), median(ratios) <= maxRestore), slices.Max(ratios), maxRestore, seconds(median(hand)), seconds(median(ours)))
	fmt.Fprintf(&b, "| (k) | plan / restore | %.3f | %s | %.3f | ≤ %.2f | – | %s |\n\n", slices.Min(shares),
		judged(fmt.Sprintf("**%.3f**", median(shares)), median(shares) <= maxPlan), slices.Max(shares), maxPlan, seconds(median(plans)))
	b.WriteString("What the plans did to the cluster beside what it does at rest: " + judged(effect(effects), len(effects) == 0) + "\n")
	return section{title: "A restore of three servers", body: b.String()}
}

func effect(all []string) string {
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, "; ")
}
