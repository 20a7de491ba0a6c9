// Package watch follows operations of the manager until they end: saves, tasks and restores.
//
// On a terminal it shows phase and steps as they are, elsewhere it prints a line for each change. It only looks: ending
// it ends nothing of the operation. Start reading at [Until].
package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

// Flags say whether and how long to wait.
type Flags struct {
	NoWait  bool
	Timeout time.Duration
}

// Add adds --no-wait and --timeout to a command.
func (f *Flags) Add(cmd *cobra.Command, timeout time.Duration) {
	cmd.Flags().BoolVar(&f.NoWait, "no-wait", false, "do not wait for the end")
	f.AddTimeout(cmd, timeout)
}

// AddTimeout adds --timeout alone.
func (f *Flags) AddTimeout(cmd *cobra.Command, timeout time.Duration) {
	f.Timeout = timeout
	cmd.Flags().Var(console.NewWait(&f.Timeout), "timeout", "how long to wait; the operation goes on after it")
}

// AddList adds --watch to a command that lists.
func AddList(cmd *cobra.Command, follow *bool) {
	cmd.Flags().BoolVar(follow, "watch", false, "print it again after each change, until interrupted")
}

// ListOf makes cmd list what belongs to the cluster that is its argument: see List. show prints it.
func ListOf(
	cmd *cobra.Command, c *console.Console, flags *manager.Flags, list client.ObjectList,
	show func(context.Context, *console.Console, *manager.Manager, *v1alpha1.Cluster) error,
) {
	var follow bool
	flags.Add(cmd)
	AddList(cmd, &follow)
	cmd.Args, cmd.ValidArgsFunction = cobra.ExactArgs(1), flags.CompleteClusters(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		cluster, err := m.Cluster(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return List(cmd.Context(), c, m, follow, list, cluster.Namespace, func() error {
			return show(cmd.Context(), c, m, cluster)
		})
	}
}

// List shows a list once, or with follow again after each change. list is an empty one of the kind that is shown.
func List(ctx context.Context, c *console.Console, m *manager.Manager, follow bool, list client.ObjectList, namespace string, show func() error) error {
	if !follow {
		return show()
	}
	_, terminal := c.Terminal()
	shown := 0
	return m.Again(ctx, list, namespace, func() error {
		if terminal && c.Format == console.Table {
			fmt.Fprint(c.Out, "\x1b[H\x1b[2J") // to the corner, and clear
		} else if shown > 0 && c.Format == console.Table {
			fmt.Fprintln(c.Out)
		}
		shown++
		return show()
	}, func(err error) { c.Notef("%v; trying again", err) })
}

// Config of one wait.
type Config struct {
	Console *console.Console
	Manager *manager.Manager
	// Timeout of the whole wait.
	Timeout time.Duration
	// Again is the command that looks at the operation later.
	Again string
}

// errTimeout is why a wait ended without its end.
var errTimeout = errors.New("the time to wait is over")

// Until shows an operation until done says so, and keeps obj as it is then. When ctx or the time ends first, the error
// says that the operation goes on.
func Until(ctx context.Context, cfg Config, obj client.Object, done func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Timeout, errTimeout)
	defer cancel()
	shown := newDisplay(cfg.Console, obj)
	err := cfg.Manager.Follow(ctx, obj, listOf(obj), func() bool {
		shown.show(obj)
		return done()
	}, shown.away)
	shown.stop()
	what := Noun(obj) + " " + obj.GetName()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTimeout):
		return &problem.Error{
			Kind: problem.Unfinished, Op: "wait for", Subject: what,
			Why: fmt.Sprintf("not in %s; it goes on: %s", cfg.Timeout, state(StatusOf(obj))), Next: cfg.Again,
		}
	case errors.Is(err, context.Canceled):
		return &console.OngoingError{What: what, Next: cfg.Again, Err: err}
	}
	return err
}

// Ended tells whether nothing more happens to an operation, given what was last asked of it.
func Ended(obj client.Object) bool {
	s := StatusOf(obj)
	return s.Phase.Ended() && (s.ObservedGeneration == 0 || s.ObservedGeneration >= obj.GetGeneration())
}

// StatusOf is what all operations have in common; empty for what is no operation.
func StatusOf(obj client.Object) *v1alpha1.OperationStatus {
	switch o := obj.(type) {
	case *v1alpha1.EtcdSnapshotSave:
		return &o.Status.OperationStatus
	case *v1alpha1.EtcdSnapshotTask:
		return &o.Status.OperationStatus
	case *v1alpha1.EtcdSnapshotRestore:
		return &o.Status.OperationStatus
	}
	return &v1alpha1.OperationStatus{}
}

// Noun is what an operator calls an operation.
func Noun(obj client.Object) string {
	switch o := obj.(type) {
	case *v1alpha1.EtcdSnapshotSave:
		return "save"
	case *v1alpha1.EtcdSnapshotTask:
		return string(o.Spec.Action)
	case *v1alpha1.EtcdSnapshotRestore:
		return "restore"
	}
	return "operation"
}

func listOf(obj client.Object) client.ObjectList {
	switch obj.(type) {
	case *v1alpha1.EtcdSnapshotSave:
		return &v1alpha1.EtcdSnapshotSaveList{}
	case *v1alpha1.EtcdSnapshotTask:
		return &v1alpha1.EtcdSnapshotTaskList{}
	}
	return &v1alpha1.EtcdSnapshotRestoreList{}
}

func state(s *v1alpha1.OperationStatus) string {
	text := string(s.Phase)
	if text == "" {
		text = "the manager has not taken it up"
	}
	if s.Message != "" {
		text += ", " + s.Message
	}
	return text
}
