package repo

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

func newShow(c *console.Console, flags *settings.Flags) *cobra.Command {
	var manual, stats bool
	var by string
	cmd := &cobra.Command{
		Use:   "show SNAPSHOT",
		Short: "Show all that is known of a snapshot",
		Long: `Show all that is known of a snapshot.

--by-hand prints the commands that restore it with stock tools alone, without holdfast. --stats reads the snapshot and
counts its Kubernetes objects by resource and namespace, largest first, with a sum for each resource.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteSnapshots(1),
	}
	flags.AddRepository(cmd)
	cmd.Flags().BoolVar(&manual, "by-hand", false, "print the commands that restore it with stock tools")
	cmd.Flags().BoolVar(&stats, "stats", false, "read it and count its objects by resource and namespace")
	cmd.Flags().StringVar(&by, "by", byNamespace, "rows of --stats: namespace (each resource in each namespace) or resource")
	_ = cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{byNamespace, byResource}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if manual && stats {
			return console.Usagef("give one of --by-hand and --stats")
		}
		if by != byNamespace && by != byResource {
			return console.Usagef("--by %s: use %s or %s", by, byNamespace, byResource)
		}
		if cmd.Flags().Changed("by") && !stats {
			return console.Usagef("--by goes with --stats")
		}
		return with(cmd.Context(), flags, "show", func(repo *settings.Opened) error {
			e, err := repo.Find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			switch {
			case manual:
				return c.Print(byHand(repo, e, flags.S3()))
			case stats:
				return showStats(cmd.Context(), c, flags, repo, e, by)
			}
			return c.Print(showEntry(repo, e))
		})
	}
	return cmd
}

func showEntry(repo *settings.Opened, e *repository.Entry) console.Result {
	v := view(repo.Store().Location, *e)
	return console.Result{Value: v, Names: []string{e.File}, Table: func(w io.Writer) {
		console.Pairs(w,
			"Name", v.Name, "Location", v.Location, "State", v.State, "Reason", v.Reason, "Made by", v.Maker,
			"Created", v.CreatedAt.Local().Format(time.RFC1123Z), "Node", v.Node, "Trigger", v.Trigger, "Backup", v.Backup,
			"Stored", fmt.Sprintf("%s, encoding %s", console.Bytes(v.Size), v.Encoding))
		if e.Manifest != nil {
			showManifest(w, e.Manifest)
		}
		for _, t := range evidence(e) {
			showTest(w, t)
		}
	}}
}

func showManifest(w io.Writer, m *snapshot.Manifest) {
	d := m.Database
	hash, keys := "", ""
	if d.HashKV != nil {
		hash = fmt.Sprintf("%d at revision %d, compacted %d", *d.HashKV, d.Revision, d.CompactRevision)
		keys = fmt.Sprint(d.Keys)
	}
	alarms := ""
	if len(m.Alarms) > 0 {
		alarms = fmt.Sprint(m.Alarms)
	}
	console.Pairs(w,
		"Stored SHA-256", m.Stored.SHA256, "Cluster", m.ClusterID, "Kubernetes", m.KubernetesVersion,
		"Database", fmt.Sprintf("%s, of which %s in use", console.Bytes(d.Size), console.Bytes(d.InUse)),
		"Database SHA-256", d.SHA256, "Revision", fmt.Sprint(d.Revision), "Content hash", hash, "Keys", keys,
		"Leases", fmt.Sprint(d.Leases), "etcd", fmt.Sprintf("%s (storage %s, cluster %s)", m.Source.EtcdVersion, dash(d.StorageVersion), dash(d.ClusterVersion)),
		"Taken from", fmt.Sprintf("%s at %s", m.Source.MemberName, m.Source.Endpoint), "Alarms", alarms, "Written by", m.Tool)
	for _, member := range m.Source.Members {
		fmt.Fprintf(w, "Member:  %s %s %v\n", member.Name, member.ID, member.PeerURLs)
	}
}

func showTest(w io.Writer, t snapshot.Evidence) {
	line := fmt.Sprintf("Evidence:  %s %s at %s in %s", t.Level, t.Outcome, t.At.Format(time.RFC3339), t.Took.Round(time.Millisecond))
	if t.Reason != "" {
		line += ": " + t.Reason
	}
	fmt.Fprintln(w, line)
}
