package restore

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

func newStatus(c *console.Console, flags *manager.Flags) *cobra.Command {
	var wait watch.Flags
	var follow bool
	cmd := &cobra.Command{
		Use:               "status CLUSTER [RESTORE]",
		Aliases:           []string{"get", "show"},
		Short:             "Show how far a cluster's newest restore is, or the one named",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeRestores(flags),
	}
	flags.Add(cmd)
	cmd.Flags().BoolVar(&follow, "watch", false, "follow it to its end; the exit code tells how it went")
	wait.AddTimeout(cmd, 2*time.Hour)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := connect(cmd.Context(), c, flags, wait, args[0])
		if err != nil {
			return err
		}
		if err := o.choose(cmd.Context(), args); err != nil {
			return err
		}
		if follow {
			return o.finish(cmd.Context())
		}
		return o.print()
	}
	return cmd
}

func newCancel(c *console.Console, flags *manager.Flags) *cobra.Command {
	var wait watch.Flags
	cmd := &cobra.Command{
		Use:   "cancel CLUSTER [RESTORE]",
		Short: "End a restore; before its commit point the old state comes back",
		Long: `End a restore, the cluster's newest or the one named. Before its commit point the old state comes back. After it the new
data is kept, because somebody may have written.`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeRestores(flags),
	}
	flags.Add(cmd)
	wait.Add(cmd, 30*time.Minute)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		o, err := connect(ctx, c, flags, wait, args[0])
		if err != nil {
			return err
		}
		if err := o.choose(ctx, args); err != nil {
			return err
		}
		if o.restore.Status.Phase.Ended() {
			return &problem.Error{
				Kind: problem.Refused, Op: "cancel", Subject: "restore " + o.restore.Name,
				Why: "it has ended: " + string(o.restore.Status.Phase) + ", " + o.restore.Status.Message,
			}
		}
		if err := o.manager.Change(ctx, o.restore, func() { o.restore.Spec.Cancel = true }); err != nil {
			return err
		}
		err = o.finish(ctx)
		if o.restore.Status.Phase == v1alpha1.PhaseCancelled {
			return nil // as asked
		}
		return err
	}
	return cmd
}

func newRetry(c *console.Console, flags *manager.Flags) *cobra.Command {
	var wait watch.Flags
	var from string
	cmd := &cobra.Command{
		Use:   "retry CLUSTER [RESTORE]",
		Short: "Go on with a restore that failed after its commit point, or check a refused plan again",
		Long: `Go on with a restore that failed after its commit point, the cluster's newest or the one named, from the first of the
steps that remain, or from the one that --from names. Whatever failed before its commit point is rolled back: plan a new one.

A plan that was refused by its checks is made and checked again, and shown as by holdfast restore plan.`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeRestores(flags),
	}
	flags.Add(cmd)
	wait.Add(cmd, time.Hour)
	cmd.Flags().StringVar(&from, "from", "", "ID of the step to go on from (default the first that remains)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		o, err := connect(ctx, c, flags, wait, args[0])
		if err != nil {
			return err
		}
		if err := o.choose(ctx, args); err != nil {
			return err
		}
		if o.refused() && from == "" {
			return o.planAgain(ctx)
		}
		step, err := o.remaining(from)
		if err != nil {
			return err
		}
		for _, from := range o.askFrom(step) {
			if err := o.manager.Change(ctx, o.restore, func() { o.restore.Spec.RetryFrom = from }); err != nil {
				return err
			}
		}
		return o.finish(ctx)
	}
	return cmd
}

// refused tells whether the restore is a plan that its checks refuse.
func (o *op) refused() bool {
	return !o.restore.Status.Phase.Ended() && o.restore.Spec.ApprovedPlan == "" && isPlanned(o.restore) && len(failed(o.restore)) > 0
}

// planAgain has the plan made and checked once more, and shows what came of it.
func (o *op) planAgain(ctx context.Context) error {
	before := o.restore.Status.Plan.Digest
	if err := o.manager.Change(ctx, o.restore, func() { o.restore.Spec.RetryFrom = before }); err != nil || o.wait.NoWait {
		return err
	}
	err := o.follow(ctx, func() bool {
		r := o.restore
		return r.Status.Phase.Ended() || isPlanned(r) && r.Status.Plan.Digest != before
	})
	if err != nil {
		return err
	}
	return o.show()
}

// remaining is the step to go on from.
func (o *op) remaining(from string) (string, error) {
	left := o.restore.Status.RemainingSteps
	refused := &problem.Error{Kind: problem.Refused, Op: "go on with", Subject: "restore " + o.restore.Name}
	if len(left) == 0 {
		refused.Why = "no steps remain: it is " + strings.TrimSpace(string(o.restore.Status.Phase)+" "+o.restore.Status.Outcome)
		refused.Next = "holdfast restore plan " + o.cluster.Name + " makes a new one"
		return "", refused
	}
	if from == "" {
		return left[0], nil
	}
	for _, id := range left {
		if id == from {
			return id, nil
		}
	}
	refused.Why = "there is no step " + from + " among those that remain: " + strings.Join(left, ", ")
	return "", refused
}

// askFrom are the values that retryFrom takes in turn: to ask for the same step again it must change in between.
func (o *op) askFrom(step string) []string {
	if o.restore.Spec.RetryFrom == step {
		return []string{"", step}
	}
	return []string{step}
}
