package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

type restoreOptions struct {
	console *console.Console
	flags   *settings.Flags
	cfg     snapshot.RestoreConfig

	latest     bool
	at         string
	before     time.Time // what at says; zero: no limit
	etcdBinary string
	minFree    console.Size
	repoGiven  bool
}

func newRestore(c *console.Console, flags *settings.Flags) *cobra.Command {
	o := &restoreOptions{console: c, flags: flags, minFree: console.Size(snapshot.DefaultMinFree)}
	cmd := &cobra.Command{
		Use:   "restore [SNAPSHOT|FILE|--latest|--at TIME] --data-dir DIR",
		Short: "Restore a snapshot into a new data directory",
		Long: `Restore a snapshot into a new data directory.

With a repository, SNAPSHOT is a name from "holdfast repo ls"; without one, FILE is a snapshot file: holdfast's,
etcdctl's, k3s', rke2's or RKE's, compressed or not.

A cluster of several members is restored by running this once for each, with the same snapshot, --initial-cluster and
--initial-cluster-token, and that member's --name, --initial-advertise-peer-urls and --data-dir; then all are started.

The data directory must not exist, or be empty. It appears only when the restore is complete.`,
		Example: `  holdfast etcd restore --repo prod --latest --data-dir /var/lib/etcd
  holdfast etcd restore --repo file:///var/backups/etcd --at 2026-11-22T02:00:00Z --data-dir /var/lib/etcd
  holdfast etcd restore snapshot.db --data-dir /var/lib/etcd --name a \
      --initial-cluster a=https://10.0.0.1:2380,b=https://10.0.0.2:2380 --initial-advertise-peer-urls https://10.0.0.1:2380`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.repoGiven = cmd.Flags().Changed("repo") || c.Getenv("HOLDFAST_REPO") != ""
			return o.run(cmd.Context(), args)
		},
		ValidArgsFunction: flags.CompleteSnapshots(1),
	}
	flags.AddRepository(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&o.latest, "latest", false, "the newest good snapshot of the repository")
	fs.StringVar(&o.at, "at", "", "the newest good snapshot not newer than this time (2026-11-22T02:00:00Z, or 2026-11-22 02:00 local)")
	fs.StringVar(&o.cfg.Target.DataDir, "data-dir", "", "data directory to make")
	fs.StringVar(&o.cfg.Target.WALDir, "wal-dir", "", "directory for the WAL (default: inside the data directory)")
	fs.StringVar(&o.cfg.Target.Name, "name", "default", "name of this member")
	fs.StringVar(&o.cfg.Target.InitialCluster, "initial-cluster", "default=http://localhost:2380", "all members of the new cluster")
	fs.StringVar(&o.cfg.Target.InitialClusterToken, "initial-cluster-token", "etcd-cluster", "token of the new cluster")
	fs.StringSliceVar(&o.cfg.Target.PeerURLs, "initial-advertise-peer-urls", []string{"http://localhost:2380"}, "peer URLs of this member")
	fs.Uint64Var(&o.cfg.BumpRevision, "bump-revision", 0, "raise the revision by this much; needs --mark-compacted")
	fs.BoolVar(&o.cfg.MarkCompacted, "mark-compacted", false, "mark everything before the raised revision as compacted")
	fs.StringVar(&o.cfg.EtcdVersion, "etcd-version", "", "make the result fit for this older etcd, X.Y (default: the snapshot's own)")
	fs.StringVar(&o.etcdBinary, "etcd-binary", "", "the etcd that will run on the result: refuse now if it could not open it")
	fs.BoolVar(&o.cfg.SkipHashCheck, "skip-hash-check", false, "accept a copy of a member's db file, which has no hash, after a full content check")
	fs.Var(&o.minFree, "min-free", "space that must stay free on the disk, such as 500MiB; 0 for no reserve")
	_ = cmd.MarkFlagDirname("data-dir")
	_ = cmd.MarkFlagDirname("wal-dir")
	_ = cmd.MarkFlagFilename("etcd-binary")
	return cmd
}

// run refuses what is wrong with the command line before it looks for a snapshot, or says a word.
func (o *restoreOptions) run(ctx context.Context, args []string) error {
	if _, err := o.flags.File(); err != nil {
		return err
	}
	if o.cfg.Target.DataDir == "" {
		return console.Usagef("--data-dir is missing")
	}
	if err := o.checkChoice(args); err != nil {
		return err
	}
	o.cfg.MinFree, o.cfg.SpoolDir = int64(o.minFree), o.flags.SpoolDir()
	if err := o.runVersion(ctx); err != nil {
		return err
	}
	if err := snapshot.CheckRestore(o.cfg); err != nil {
		return err
	}
	closeSource, location, err := o.source(ctx, args)
	if err != nil {
		return err
	}
	defer closeSource()
	progress, stop := o.console.Progress()
	o.cfg.Progress = progress
	restored, err := snapshot.Restore(ctx, o.cfg)
	stop()
	if err != nil {
		return repository.Explain("restore", location, err)
	}
	return o.console.Print(showRestored(location, restored))
}

// checkChoice wants one way to choose the snapshot.
func (o *restoreOptions) checkChoice(args []string) (err error) {
	named := len(args) == 1
	if named && (o.latest || o.at != "") || o.latest && o.at != "" {
		return console.Usagef("give one of SNAPSHOT, --latest and --at")
	}
	if !named && !o.latest && o.at == "" {
		return console.Usagef("which snapshot? Give its name, a file, --latest or --at TIME")
	}
	if o.at != "" {
		o.before, err = console.ParseAt(o.at)
	}
	return err
}

// source finds the snapshot: a file, or an entry of a repository.
func (o *restoreOptions) source(ctx context.Context, args []string) (done func(), location string, err error) {
	file := len(args) == 1 && !o.repoGiven
	if file {
		if src, err := snapshot.FileSource(args[0]); err == nil {
			o.cfg.Source = src
			return func() {}, src.Location(), nil
		} else if !os.IsNotExist(err) {
			return nil, "", problem.File("open", args[0], "the path of the snapshot file", err)
		}
	}
	repo, err := o.flags.Open(false)
	if err != nil {
		if file {
			return nil, "", &problem.Error{
				Kind: problem.NotFound, Op: "restore", Subject: args[0], Why: "there is no such file, and no repository was given",
				Next: "correct the path, or pass --repo",
			}
		}
		return nil, "", err
	}
	entry, err := o.entry(ctx, repo, args)
	if err != nil {
		repo.Store().Close()
		return nil, "", repository.Explain("find a snapshot in", repo.Location(), err)
	}
	o.cfg.Source, o.cfg.Manifest = snapshot.StoreSource(repo.Store(), entry.Info), entry.Manifest
	return func() { repo.Store().Close() }, repo.Store().Location(entry.File), nil
}

func (o *restoreOptions) entry(ctx context.Context, repo *settings.Opened, args []string) (*repository.Entry, error) {
	if len(args) == 1 {
		e, err := repo.Find(ctx, args[0])
		if err != nil {
			return nil, err
		}
		return e, refuseState(e)
	}
	return o.newest(ctx, repo, o.before)
}

// newest takes the newest good snapshot. One that nothing has vouched for yet is read first, and passed over when it
// is bad.
func (o *restoreOptions) newest(ctx context.Context, repo *settings.Opened, at time.Time) (*repository.Entry, error) {
	list, err := repo.Newest(ctx, at)
	if err != nil {
		return nil, err
	}
	for i := range list {
		e := &list[i]
		if e.State.Good() {
			o.console.Notef("restoring %s of %s", e.File, e.Created.Local().Format(time.DateTime))
			return e, nil
		}
		o.console.Notef("%s has not been verified: reading it first", e.File)
		_, err := snapshot.Verify(ctx, snapshot.VerifyConfig{
			Source: snapshot.StoreSource(repo.Store(), e.Info), Level: snapshot.LevelContent, SpoolDir: o.cfg.SpoolDir, Now: o.console.Now,
		})
		if err == nil {
			return e, nil
		}
		if problem.KindOf(err) != problem.Damaged {
			return nil, err
		}
		o.console.Notef("passed over: %v", err)
	}
	return nil, &problem.Error{
		Kind: problem.NotFound, Op: "choose a snapshot from", Subject: repo.Location(), Why: "none of those that fit is sound",
		Next: "see holdfast repo ls",
	}
}

// refuseState refuses what is known to be bad before anything is fetched.
func refuseState(e *repository.Entry) error {
	if e.State != repository.StateDamaged {
		return nil
	}
	return &problem.Error{
		Kind: problem.Damaged, Op: "restore", Subject: e.File, Why: "it is damaged: " + e.Reason,
		Next: "nothing was written; restore another snapshot: holdfast repo ls. To use the file as it is, fetch it and give its path",
	}
}

var versionLine = regexp.MustCompile(`etcd Version: ([0-9.]+)`)

// runVersion asks the etcd that will run on the result which it is.
func (o *restoreOptions) runVersion(ctx context.Context) error {
	if o.etcdBinary == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, o.etcdBinary, "--version").Output()
	if errors.Is(err, fs.ErrNotExist) {
		return problem.File("run", o.etcdBinary, "--etcd-binary", err)
	}
	m := versionLine.FindSubmatch(out)
	if err != nil || m == nil {
		return &problem.Error{
			Kind: problem.Usage, Op: "ask for the version of", Subject: o.etcdBinary, Why: "it does not answer as an etcd does",
			Err: err, Next: "correct --etcd-binary, or leave it out",
		}
	}
	o.cfg.RunVersion = string(m[1])
	return nil
}

// restoredView is the JSON form of holdfast etcd restore.
type restoredView struct {
	From string `json:"from"`
	*snapshot.Restored
}

func showRestored(location string, r *snapshot.Restored) console.Result {
	return console.Result{
		Value: restoredView{location, r},
		Names: []string{r.DataDir},
		Table: func(w io.Writer) {
			hash := ""
			if r.Snapshot.HashKV != nil {
				hash = fmt.Sprint(*r.Snapshot.HashKV)
			}
			console.Pairs(w, "Restored", location, "Into", r.DataDir, "Member", r.Name+" ("+r.MemberID+")", "Cluster", r.ClusterID,
				"Revision", fmt.Sprint(r.Revision), "Content hash", hash, "Keys", fmt.Sprint(r.Snapshot.Keys),
				"Took", r.Took.Round(time.Millisecond).String())
			for _, a := range r.ClearedAlarms {
				fmt.Fprintf(w, "The %s alarm that was raised in the snapshot was cleared.\n", a)
			}
		},
	}
}
