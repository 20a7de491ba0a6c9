package restore

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

func newPlan(c *console.Console, flags *manager.Flags) *cobra.Command {
	var w wanted
	var wait watch.Flags
	cmd := &cobra.Command{
		Use:   "plan CLUSTER",
		Short: "Find out what a restore would do, and touch nothing",
		Long: `Find out what a restore would do, and touch nothing: what the cluster needs, which may be less than a restore; whether
all machines are ready for it; what happens on each; what is lost. It prints the command that approves exactly this plan.
Exits with 0 when it could be approved, 3 when a check failed, and 10 when the machines did not answer within --timeout.

A plan that was refused stays for a day. Its checks are made again by and by, and at once by holdfast restore retry.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteClusters(1),
	}
	flags.Add(cmd)
	w.add(cmd, flags)
	wait.AddTimeout(cmd, 15*time.Minute)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := w.check(); err != nil {
			return err
		}
		o, err := connect(cmd.Context(), c, flags, wait, args[0])
		if err != nil {
			return err
		}
		if err := o.make(cmd.Context(), &w); err != nil {
			return err
		}
		if err := o.planned(cmd.Context()); err != nil {
			return err
		}
		return o.show()
	}
	return cmd
}

// show prints the plan that was made; it is an error when that can't be carried out.
func (o *op) show() error {
	if err := o.print(); err != nil {
		return err
	}
	return o.refusal("mend that, then: holdfast restore retry " + o.cluster.Name + " " + o.restore.Name + "; nothing was touched")
}

// planned waits until the plan is made and every check has an outcome.
func (o *op) planned(ctx context.Context) error {
	return o.follow(ctx, func() bool { return isPlanned(o.restore) })
}

func isPlanned(r *v1alpha1.EtcdSnapshotRestore) bool {
	return r.Status.Phase.Ended() || r.Status.Plan != nil && cell.Is(r.Status.Conditions, v1alpha1.OperationPlanned, metav1.ConditionTrue)
}

// refusal says why a plan can't be approved, and what to do next; nil when it can.
func (o *op) refusal(next string) error {
	r := o.restore
	if r.Status.Phase.Ended() {
		return watch.Outcome(o.cluster.Name, r)
	}
	bad := failed(r)
	if len(bad) == 0 {
		return nil
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "plan restore", Subject: r.Name + " of cluster " + o.cluster.Name, Why: strings.Join(bad, "; "),
		Next: next,
	}
}

// failed are the checks that keep a plan from being approved.
func failed(r *v1alpha1.EtcdSnapshotRestore) []string {
	var bad []string
	for _, c := range r.Status.Preflight {
		if c.Outcome == "Failed" {
			bad = append(bad, strings.TrimPrefix(c.Machine+" ", "- ")+c.Check+": "+c.Message)
		}
	}
	return bad
}

func (o *op) print() error {
	return o.console.Print(o.manager.One(o.restore, func(w io.Writer) { describe(w, o.console.Now(), o.cluster.Name, o.restore) }))
}

var verdicts = map[v1alpha1.Verdict]string{
	v1alpha1.VerdictNothing: "no restore is needed: it would only throw away what came after the snapshot",
	v1alpha1.VerdictReplace: "replacing what is lost is enough, and loses nothing: --replace MACHINE",
	v1alpha1.VerdictReset:   "a member survives: resetting to it keeps what a snapshot would lose",
	v1alpha1.VerdictRestore: "no member runs: start one that may have its data, else restore a snapshot",
}

// describe prints a restore: what it is to do, and how far it is.
func describe(w io.Writer, now time.Time, cluster string, r *v1alpha1.EtcdSnapshotRestore) {
	s := &r.Status
	console.Pairs(w, "Restore", r.Name+" of cluster "+cluster, "Phase", string(s.Phase), "Message", s.Message, "Outcome", s.Outcome,
		"Committed", committed(now, s), "Safety snapshot", s.SafetySnapshot, "Remaining steps", strings.Join(s.RemainingSteps, ", "))
	if s.Plan != nil {
		describePlan(w, now, s.Plan)
	}
	if len(s.Preflight) > 0 {
		var rows [][]string
		for _, c := range s.Preflight {
			rows = append(rows, []string{c.Check, c.Machine, c.Outcome, c.Message})
		}
		fmt.Fprintln(w)
		console.Columns(w, []string{"CHECK", "MACHINE", "OUTCOME", "FOUND"}, rows)
	}
	if len(s.Steps) > 0 {
		var rows [][]string
		for _, t := range s.Steps {
			rows = append(rows, []string{t.Machine, t.Step, string(t.Outcome), cell.Age(now, t.Started), t.ID, t.Message})
		}
		fmt.Fprintln(w)
		console.Columns(w, []string{"MACHINE", "STEP", "OUTCOME", "STARTED", "ID", "MESSAGE"}, rows)
	}
	if r.Spec.ApprovedPlan == "" && isPlanned(r) && !s.Phase.Ended() && len(failed(r)) == 0 {
		fmt.Fprintf(w, "\nNothing has been touched. To do it: holdfast restore create %s --plan %s\n", cluster, r.Name)
	}
}

func committed(now time.Time, s *v1alpha1.EtcdSnapshotRestoreStatus) string {
	if s.Committed == nil {
		return ""
	}
	return cell.Age(now, s.Committed) + " ago: nothing rolls back by itself any more"
}

func describePlan(w io.Writer, now time.Time, p *v1alpha1.RestorePlan) {
	verdict := ""
	if len(p.Text) == 0 { // else it says so itself
		verdict = verdicts[p.Verdict]
	}
	snapshot := ""
	if s := p.Snapshot; s != nil {
		snapshot = fmt.Sprintf("%s, %s, %s", s.File, s.State, console.Bytes(s.Size))
		if s.Created != nil {
			snapshot += fmt.Sprintf(", of %s, %s ago", s.Created.Local().Format(time.DateTime), cell.Age(now, s.Created))
		}
	}
	console.Pairs(w, "Verdict", verdict, "Snapshot", snapshot, "Survivor", p.Survivor, "Replaces the member on", p.Replace, "Init machine", p.InitMachine, "Kubernetes", p.KubernetesVersion)
	for _, warning := range p.Warnings {
		fmt.Fprintf(w, "WARNING: %s\n", warning)
	}
	for _, line := range append(explanation(p), p.Changes...) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	if len(p.Machines) > 0 {
		var rows [][]string
		for _, m := range p.Machines {
			rows = append(rows, []string{m.Machine, m.Action, m.Reason})
		}
		fmt.Fprintln(w)
		console.Columns(w, []string{"MACHINE", "ACTION", "REASON"}, rows)
	}
}

// explanation is the plan's text without what stands above and below it by itself: warnings, and what each machine does.
func explanation(p *v1alpha1.RestorePlan) []string {
	said := slices.Clone(p.Warnings)
	for _, m := range p.Machines {
		said = append(said, m.Machine+": "+m.Action+": "+m.Reason+".")
	}
	return slices.DeleteFunc(slices.Clone(p.Text), func(line string) bool { return slices.Contains(said, line) })
}
