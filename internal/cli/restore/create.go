package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

func newCreate(c *console.Console, flags *manager.Flags) *cobra.Command {
	var w wanted
	var wait watch.Flags
	var plan string
	var yes bool
	cmd := &cobra.Command{
		Use:   "create CLUSTER",
		Short: "Restore a cluster: plan, ask, do, and watch to the end",
		Long: `Restore a cluster: plan it, show the plan, ask for the cluster's name, do it, and watch it to its end.

--plan takes a plan that was made before. What is done is what was shown: when it would be something else by now, or the
cluster has become better and has more to lose, the plan is refused. Before the commit point a failure brings the old state
back.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteClusters(1),
	}
	flags.Add(cmd)
	w.add(cmd, flags)
	wait.Add(cmd, 2*time.Hour)
	cmd.Flags().StringVar(&plan, "plan", "", "restore that was planned before, instead of a source")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	_ = cmd.RegisterFlagCompletionFunc("plan", completePlans(flags))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if plan != "" && w.given() > 0 {
			return console.Usagef("give --plan or a source: the plan has its own")
		}
		if err := w.check(); plan == "" && err != nil {
			return err
		}
		o, err := connect(ctx, c, flags, wait, args[0])
		if err != nil {
			return err
		}
		if plan != "" {
			err = o.choose(ctx, []string{args[0], plan})
		} else {
			err = o.make(ctx, &w)
		}
		if err != nil {
			return err
		}
		err = o.carryOut(ctx, yes)
		if plan == "" && problem.KindOf(err) == problem.Refused && o.restore.Spec.ApprovedPlan == "" {
			// Nobody will come back for this plan, and the manager would keep it true for a day.
			err = errors.Join(err, o.withdraw(context.WithoutCancel(ctx)))
		}
		return err
	}
	return cmd
}

// carryOut waits for the plan, has it approved, and follows it to its end.
func (o *op) carryOut(ctx context.Context, yes bool) error {
	if o.restore.Spec.ApprovedPlan != "" {
		return &problem.Error{
			Kind: problem.Refused, Op: "approve", Subject: "restore " + o.restore.Name, Why: "it is approved already",
			Next: "holdfast restore status " + o.cluster.Name + " " + o.restore.Name + " --watch",
		}
	}
	if err := o.planned(ctx); err != nil {
		return err
	}
	if !o.console.Quiet || !yes {
		describe(o.console.Err, o.console.Now(), o.cluster.Name, o.restore)
	}
	if err := o.refusal("mend that and plan again; nothing was touched"); err != nil {
		return err
	}
	digest := o.restore.Status.Plan.Digest
	if !yes {
		if err := o.console.Ask(fmt.Sprintf("\nCluster %s will be stopped and restored as above.", o.cluster.Name), o.cluster.Name); err != nil {
			return err
		}
	}
	if err := o.manager.Change(ctx, o.restore, func() { o.restore.Spec.ApprovedPlan = digest }); err != nil {
		return err
	}
	return o.finish(ctx)
}

// withdraw takes back a plan that was made and not approved.
func (o *op) withdraw(ctx context.Context) error {
	if o.restore.Status.Phase.Ended() {
		return nil
	}
	return o.manager.Change(ctx, o.restore, func() { o.restore.Spec.Cancel = true })
}
