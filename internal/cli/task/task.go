// Package task runs what machines are asked to do with snapshots or the target, and shows what each of them found.
//
// It knows no command: package snapshot and package target say what to do. Start reading at [Run].
package task

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

// Config of a task.
type Config struct {
	Console *console.Console
	Manager *manager.Manager
	Wait    watch.Flags
	// Cluster is its name, for messages.
	Cluster string
	// Failed is the kind of error that a failed result is.
	Failed problem.Kind
}

// Run creates a task, waits for its end unless that is not wanted, and prints it.
func Run(ctx context.Context, cfg Config, t *v1alpha1.EtcdSnapshotTask) error {
	t.GenerateName = strings.ToLower(string(t.Spec.Action)) + "-"
	if err := cfg.Manager.Create(ctx, t); err != nil {
		return err
	}
	if !cfg.Wait.NoWait {
		err := watch.Until(ctx, watch.Config{
			Console: cfg.Console, Manager: cfg.Manager, Timeout: cfg.Wait.Timeout,
			Again: fmt.Sprintf("kubectl get etcdsnapshottask %s -n %s -o yaml", t.Name, t.Namespace),
		}, t, func() bool { return watch.Ended(t) })
		if err != nil {
			return err
		}
	}
	if err := cfg.Console.Print(cfg.Manager.One(t, func(w io.Writer) { table(w, t) })); err != nil || cfg.Wait.NoWait {
		return err
	}
	return verdict(cfg, t)
}

func table(w io.Writer, t *v1alpha1.EtcdSnapshotTask) {
	if len(t.Status.Results) == 0 {
		fmt.Fprintf(w, "%s %s: %s\n", watch.Noun(t), t.Name, cell.Text(t.Status.Phase))
		return
	}
	var rows [][]string
	for _, r := range t.Status.Results {
		rows = append(rows, []string{r.Machine, r.Subject, r.Outcome, r.Message})
	}
	console.Columns(w, []string{"MACHINE", "SUBJECT", "OUTCOME", "MESSAGE"}, rows)
}

// verdict is the error that the results amount to.
func verdict(cfg Config, t *v1alpha1.EtcdSnapshotTask) error {
	var failed []string
	for _, r := range t.Status.Results {
		if r.Outcome == v1alpha1.ResultFailed {
			failed = append(failed, fmt.Sprintf("%s on %s: %s", r.Subject, r.Machine, r.Message))
		}
	}
	if len(failed) == 0 {
		return watch.Outcome(cfg.Cluster, t)
	}
	return &problem.Error{
		Kind: cfg.Failed, Op: watch.Noun(t), Subject: t.Name + " of cluster " + cfg.Cluster,
		Why: fmt.Sprintf("%d of %d failed: %s", len(failed), len(t.Status.Results), strings.Join(failed, "; ")),
	}
}
