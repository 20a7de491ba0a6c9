package etcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/engine/snapshot/trial"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

type saveOptions struct {
	console *console.Console
	flags   *settings.Flags
	conn    *connection

	name, node, trigger, backup string
	compress, verify, clusterID string
	etcdBinary                  string
	minFree                     console.Size
	stall                       time.Duration
	salvage, takeOver           bool
}

func newSave(c *console.Console, flags *settings.Flags) *cobra.Command {
	o := &saveOptions{console: c, flags: flags, minFree: console.Size(snapshot.DefaultMinFree), stall: 30 * time.Second}
	cmd := &cobra.Command{
		Use:   "save",
		Short: "Take a snapshot into a repository and prove it",
		Long: `Take a snapshot into a repository and prove it.

The snapshot comes from a healthy member, a follower if there is one. It is hashed on its way, checked, stored, and
only then given its manifest. With --verify restore (the default) it is then read back, restored into a scratch
directory and served by an etcd in a child process.`,
		Example: `  holdfast etcd save --repo file:///var/backups/etcd --endpoints 127.0.0.1:2379
  holdfast etcd save --repo s3://backups/prod --s3-endpoint minio.example.com:9000 --s3-ca-file minio-ca.pem
  holdfast etcd save --repo prod --name before-upgrade --verify content`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.conn = addConnection(c, flags, cmd)
	flags.AddRepository(cmd)
	fs := cmd.Flags()
	fs.StringVar(&o.name, "name", "", "base name of the snapshot (default by --trigger: on-demand, etcd-snapshot, pre-change, safety)")
	fs.StringVar(&o.node, "node", "", "node name in the snapshot's name (default: the config file's, else the host name)")
	fs.StringVar(&o.trigger, "trigger", string(snapshot.TriggerManual), "why it is taken, which decides how long prune keeps it: "+
		"manual, recurring, pre-change or safety")
	fs.StringVar(&o.backup, "backup", "", "id that groups the snapshots of one run (default: each is a backup of its own)")
	fs.StringVar(&o.compress, "compress", "", "none, zstd or zip (default none for file://, zstd for s3://)")
	fs.StringVar(&o.verify, "verify", "", "evidence to gather: checksum, content or restore (default restore)")
	fs.StringVar(&o.clusterID, "cluster-id", "", "Holdfast's id of this cluster (default: the config file's, else made at the first save)")
	fs.BoolVar(&o.takeOver, "take-over", false, "take the repository over from the cluster that owns it")
	fs.Var(&o.minFree, "min-free", "space that must stay free on the disk, such as 500MiB; 0 for no reserve")
	fs.BoolVar(&o.salvage, "salvage", false, "save even from an unhealthy or damaged member; the snapshot is marked as suspect")
	fs.Var(console.NewWait(&o.stall), "stall-timeout", "give up a stream that makes no progress for this long")
	fs.StringVar(&o.etcdBinary, "etcd-binary", "", "etcd program for the trial restore (default: the one built in)")
	complete(cmd, "trigger", triggers())
	complete(cmd, "compress", []string{"none", "zstd", "zip"})
	complete(cmd, "verify", []string{"checksum", "content", "restore"})
	return cmd
}

func complete(cmd *cobra.Command, flag string, values []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func triggers() []string {
	names := make([]string, len(snapshot.Triggers))
	for i, t := range snapshot.Triggers {
		names[i] = string(t)
	}
	return names
}

// run refuses what can be refused before anything is written, then saves.
func (o *saveOptions) run(ctx context.Context) error {
	cfg, err := o.config()
	if err != nil {
		return err
	}
	if err := o.flags.CheckRepository(); err != nil {
		return err
	}
	client, err := o.conn.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	cluster, choice, err := o.choose(ctx, client)
	if err != nil {
		return err
	}
	repo, err := o.flags.Open(true)
	if err != nil {
		return err
	}
	defer repo.Store().Close()
	if cfg.ClusterID, err = o.claim(ctx, repo, cluster.ID); err != nil {
		repo.Undo()
		return repository.Explain("save a snapshot to", repo.Location(), err)
	}
	if cfg.Encoding == "" && repo.Local {
		cfg.Encoding = snapshot.EncodingRaw
	} else if cfg.Encoding == "" {
		cfg.Encoding = snapshot.EncodingZstd
	}
	cfg.Store = repo.Store()
	o.describe(&cfg, client, cluster, choice)
	progress, stop := o.console.Progress()
	cfg.Progress = progress
	m, err := snapshot.Save(ctx, cfg)
	stop()
	if err != nil {
		err = repository.Explain("save a snapshot to", repo.Location(), err)
	}
	if m == nil {
		return err
	}
	return errors.Join(o.console.Print(showSaved(repo.Location(), m)), err)
}

func (o *saveOptions) config() (snapshot.SaveConfig, error) {
	file, err := o.flags.File()
	if err != nil {
		return snapshot.SaveConfig{}, err
	}
	trigger := snapshot.Trigger(o.trigger)
	cfg := snapshot.SaveConfig{
		Base: cmp.Or(o.name, trigger.Base()), Node: cmp.Or(o.node, file.Node, snapshot.CleanNode(o.console.Host())),
		Trigger: trigger, Backup: o.backup, Salvage: o.salvage,
		Prover: newProver(o.console, o.flags, o.etcdBinary), SpoolDir: o.flags.SpoolDir(),
		Tool: "holdfast " + o.console.Version, Host: o.console.Host(), Now: o.console.Now, Log: o.console.Log(),
	}
	if err := o.check(file); err != nil {
		return cfg, err
	}
	return cfg, o.parse(file, &cfg)
}

// check refuses what would become part of names.
func (o *saveOptions) check(file settings.File) error {
	if !slices.Contains(triggers(), o.trigger) {
		return console.Usagef("--trigger %s: use one of %s", o.trigger, strings.Join(triggers(), ", "))
	}
	for _, given := range []struct{ from, name string }{{"--name", o.name}, {"--node", o.node}, {"node in the config file", file.Node}} {
		if given.name == "" {
			continue
		}
		if err := snapshot.CheckName(given.name); err != nil {
			return console.Usagef("%s: %v", given.from, err)
		}
	}
	if o.clusterID == "" {
		return nil
	}
	return settings.CheckClusterID(o.clusterID)
}

// parse reads the values that are words. Without one for the encoding, that depends on the repository.
func (o *saveOptions) parse(file settings.File, cfg *snapshot.SaveConfig) (err error) {
	if cfg.Verify, err = snapshot.ParseLevel(cmp.Or(o.verify, file.Verify, string(snapshot.LevelRestore))); err != nil {
		return console.Usagef("--verify: %v", err)
	}
	if given := cmp.Or(o.compress, file.Compress); given != "" {
		if cfg.Encoding, err = snapshot.ParseEncoding(given); err != nil {
			return console.Usagef("--compress: %v", err)
		}
	}
	if o.minFree < 0 && file.MinFree != "" {
		if err := o.minFree.Set(file.MinFree); err != nil {
			return console.Usagef("minFree %s in the config file: %v", file.MinFree, err)
		}
	}
	cfg.MinFree = int64(o.minFree)
	return nil
}

// newProver runs the given etcd, or the one that is built into this program.
func newProver(c *console.Console, flags *settings.Flags, binary string) *trial.Prover {
	command := c.Etcd
	if binary != "" {
		command = []string{binary}
	}
	return trial.New(trial.Config{Command: command, Dir: flags.SpoolDir(), Log: c.Log()})
}

func (o *saveOptions) choose(ctx context.Context, client *etcd.Client) (etcd.Cluster, etcd.Choice, error) {
	cluster, err := client.Inspect(ctx)
	if err != nil {
		return cluster, etcd.Choice{}, err
	}
	choice, err := etcd.Choose(cluster, etcd.Options{Salvage: o.salvage})
	for _, s := range choice.Skipped {
		if s.Member.Endpoint != "" {
			o.console.Notef("not from member %s: %s", s.Member.Label(), s.Reason)
		}
	}
	return cluster, choice, err
}

// describe hands the engine the members, and what the manifest is to say about the cluster.
func (o *saveOptions) describe(cfg *snapshot.SaveConfig, client *etcd.Client, cluster etcd.Cluster, choice etcd.Choice) {
	for _, a := range cluster.Alarms {
		if !slices.Contains(cfg.Alarms, string(a.Kind)) {
			cfg.Alarms = append(cfg.Alarms, string(a.Kind))
		}
	}
	switch {
	case choice.Flags.Suspect:
		cfg.Suspect = "etcd has raised a CORRUPT alarm: its members' data differ"
	case choice.Flags.Salvaged:
		cfg.Suspect = "taken with --salvage from a cluster that was not healthy"
	}
	if choice.Flags.NoSpace {
		o.console.Notef("warning: etcd has raised a NOSPACE alarm and refuses writes; the snapshot is sound, a restore clears the alarm")
	}
	for _, m := range choice.Candidates {
		cfg.Candidates = append(cfg.Candidates, snapshot.Candidate{
			Origin: origin(cluster, m), ExpectedSize: m.Status.DBSize,
			Open: func(ctx context.Context) (snapshot.Stream, error) {
				return client.Snapshot(ctx, m, etcd.StreamConfig{StallTimeout: o.stall})
			},
		})
	}
}

func origin(cluster etcd.Cluster, m etcd.Member) snapshot.Origin {
	from := snapshot.Origin{
		Endpoint: m.Endpoint, EtcdVersion: m.Status.Version, ClusterID: etcd.FormatID(cluster.ID),
		MemberID: etcd.FormatID(m.ID), MemberName: m.Label(), Leader: m.ID == cluster.Leader, Members: []snapshot.Member{},
	}
	for _, other := range cluster.Members {
		if other.ID == 0 {
			continue
		}
		from.Members = append(from.Members, snapshot.Member{
			ID: etcd.FormatID(other.ID), Name: other.Name, PeerURLs: other.PeerURLs, Learner: other.Learner,
		})
	}
	return from
}

// savedView is the JSON form of holdfast etcd save: the manifest, and where the snapshot lies.
type savedView struct {
	Repository string `json:"repository"`
	*snapshot.Manifest
}

func showSaved(location string, m *snapshot.Manifest) console.Result {
	return console.Result{
		Value: savedView{location, m},
		Names: []string{m.File},
		Table: func(w io.Writer) {
			proved := string(m.Proved())
			if m.Suspect != "" {
				proved += ", but suspect: " + m.Suspect
			}
			hash := ""
			if m.Database.HashKV != nil {
				hash = fmt.Sprint(*m.Database.HashKV)
			}
			console.Pairs(w,
				"Snapshot", m.File, "Repository", location, "From", fmt.Sprintf("%s (%s, etcd %s)", m.Source.MemberName, m.Source.Endpoint, m.Source.EtcdVersion),
				"Revision", fmt.Sprint(m.Database.Revision), "Content hash", hash,
				"Size", fmt.Sprintf("%s (%s stored)", console.Bytes(m.Database.Size), console.Bytes(m.Stored.Size)),
				"Evidence", proved)
			for _, e := range m.Evidence {
				if e.Outcome != snapshot.OutcomePassed || e.Reason != "" {
					fmt.Fprintf(w, "  %s %s: %s\n", e.Level, e.Outcome, e.Reason)
				}
			}
		},
	}
}
