package restore

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
)

// wanted is what the flags ask to restore.
type wanted struct {
	source    v1alpha1.RestoreSource
	at, scope string
	spec      v1alpha1.EtcdSnapshotRestoreSpec
	onFailure string
	noSafety  bool
}

func (w *wanted) add(cmd *cobra.Command, flags *manager.Flags) {
	fs := cmd.Flags()
	fs.BoolVar(&w.source.LatestProven, "latest-proven", false, "the newest proven snapshot, or the newest restored one when none is proven")
	fs.StringVar(&w.at, "at", "", "the newest good snapshot not newer than this time (2026-11-22T02:00:00Z, or 2026-11-22 02:00 local)")
	fs.StringVar(&w.source.Snapshot, "snapshot", "", "this snapshot, by its name or its file's")
	fs.StringVar(&w.source.File, "file", "", "a file that lies on a machine: its name or path")
	fs.StringVar(&w.source.S3URI, "s3-uri", "", "an object in the cluster's target: s3://bucket/folder/file")
	fs.StringVar(&w.source.Survivor, "survivor", "", "no snapshot: reset the cluster to the member on this machine, which loses nothing that it holds")
	fs.StringVar(&w.source.Replace, "replace", "", "no snapshot: make the lost or outdated member on this machine anew, from the others, which go on serving")
	fs.StringVar(&w.scope, "restore-config", string(v1alpha1.RestoreNone), "what comes back beside etcd: none, kubernetesVersion or all")
	fs.StringVar(&w.spec.InitMachine, "init-machine", "", "machine that is restored first (default: the manager chooses)")
	fs.StringSliceVar(&w.spec.ExcludeMachines, "exclude-machine", nil, "machines to leave out; they must not run")
	fs.StringSliceVar(&w.spec.ConfirmPoweredOff, "confirm-powered-off", nil, "machines that do not answer, and that you have seen to be off")
	fs.StringVar(&w.onFailure, "on-failure", string(v1alpha1.FailureRollback), "before the commit point: rollback, or hold everything as it is")
	fs.BoolVar(&w.noSafety, "no-safety-snapshot", false, "take no snapshot before anything is stopped")
	fs.StringVar(&w.spec.SecretName, "secret", "", "Secret in the cluster's namespace with token or ageIdentity, where the machines lack them")
	for flag, values := range map[string][]string{"restore-config": scopes, "on-failure": {"rollback", "hold"}} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	for _, flag := range []string{"survivor", "replace", "init-machine", "exclude-machine", "confirm-powered-off"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, flags.CompleteMachineFlag())
	}
	_ = cmd.RegisterFlagCompletionFunc("snapshot", flags.CompleteSnapshotFlag())
}

var scopes = []string{string(v1alpha1.RestoreNone), string(v1alpha1.RestoreKubernetesVersion), string(v1alpha1.RestoreAll)}

// given counts the sources that the flags name.
func (w *wanted) given() int {
	n := 0
	for _, is := range []bool{
		w.source.LatestProven, w.at != "", w.source.Snapshot != "", w.source.File != "", w.source.S3URI != "", w.source.Survivor != "", w.source.Replace != "",
	} {
		if is {
			n++
		}
	}
	return n
}

// check refuses what no request is needed for.
func (w *wanted) check() error {
	if w.given() != 1 {
		return console.Usagef("say what to restore with one of --latest-proven, --at, --snapshot, --file, --s3-uri, --survivor and --replace")
	}
	if !slices.Contains(scopes, w.scope) {
		return console.Usagef("--restore-config %s: use %s", w.scope, strings.Join(scopes, ", "))
	}
	if w.onFailure != string(v1alpha1.FailureRollback) && w.onFailure != string(v1alpha1.FailureHold) {
		return console.Usagef("--on-failure %s: use rollback or hold", w.onFailure)
	}
	if w.at != "" {
		at, err := console.ParseAt(w.at)
		if err != nil {
			return err
		}
		w.source.At = &metav1.Time{Time: at}
	}
	return nil
}

// make asks the manager for a restore that only finds out what it would do.
func (o *op) make(ctx context.Context, w *wanted) error {
	r := &v1alpha1.EtcdSnapshotRestore{Spec: *w.spec.DeepCopy()}
	r.Namespace, r.GenerateName = o.cluster.Namespace, "restore-"
	r.Spec.Source, r.Spec.RestoreRKEConfig = w.source, v1alpha1.RestoreConfigScope(w.scope)
	r.Spec.OnFailure = v1alpha1.FailurePolicy(w.onFailure)
	if w.noSafety {
		r.Spec.SafetySnapshot = new(bool)
	}
	if name := w.source.Snapshot; name != "" {
		inside := *o.manager
		inside.Namespace = o.cluster.Namespace
		s, err := inside.Snapshot(ctx, name)
		if err != nil {
			return err
		}
		r.Spec.Source.Snapshot = s.Name
	}
	o.restore = r
	return o.manager.Create(ctx, r)
}
