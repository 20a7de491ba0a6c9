package repo

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// prunedView is the JSON form of holdfast repo prune.
type prunedView struct {
	Repository string        `json:"repository"`
	DryRun     bool          `json:"dryRun"`
	Snapshots  []verdictView `json:"snapshots"`
	// Manifests and Uploads count the remains that were removed.
	Manifests int `json:"outlivedManifests"`
	Uploads   int `json:"abandonedUploads"`
}

type verdictView struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Action string `json:"action"` // keep, delete, deleted, failed
	Reason string `json:"reason"`
	Error  string `json:"error,omitempty"`
}

func newPrune(c *console.Console, flags *settings.Flags) *cobra.Command {
	var dryRun bool
	var policy repository.Policy
	var clusterID string
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete snapshots that retention no longer keeps",
		Long: `Delete snapshots that retention no longer keeps.

Recurring snapshots: the newest --keep good ones stay. Pre-change and safety snapshots: three each. Manual ones are
never pruned unless --keep-manual asks for it. In a directory each node's files are counted on their own; in a bucket
the files of one run count as one backup. A snapshot goes only when enough newer good ones are there, so the newest
good one always stays. Only the repository's owner prunes, and only what it wrote.`,
		Example: `  holdfast repo prune --repo prod --keep 5 --dry-run
  holdfast repo prune --repo prod --keep 5`,
		Args: cobra.NoArgs,
	}
	flags.AddRepository(cmd)
	fs := cmd.Flags()
	fs.IntVar(&policy.Keep, "keep", 5, "good recurring backups to keep")
	fs.IntVar(&policy.KeepManual, "keep-manual", 0, "good manual backups to keep; 0 prunes none")
	fs.StringVar(&policy.Base, "name", "", "only snapshots of exactly this base name")
	fs.StringVar(&policy.Node, "node", "", "only snapshots of exactly this node")
	fs.BoolVar(&policy.Foreign, "foreign", false, "also recurring snapshots of k3s, rke2 and RKE, by their exact names, after reading the newer ones")
	fs.BoolVar(&dryRun, "dry-run", false, "only show what would go")
	fs.StringVar(&clusterID, "cluster-id", "", "Holdfast's id of this cluster, where this machine does not know it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if policy.Keep < 1 || policy.KeepManual < 0 {
			return console.Usagef("--keep must be at least 1, and --keep-manual not negative")
		}
		return with(cmd.Context(), flags, "prune", func(repo *settings.Opened) error {
			id, err := ownerID(cmd.Context(), flags, repo, clusterID, dryRun)
			if err != nil {
				return err
			}
			policy.ClusterID, policy.PerNode = id, repo.Local
			pruned, err := repo.Prune(cmd.Context(), repository.PruneConfig{Policy: policy, DryRun: dryRun, SpoolDir: flags.SpoolDir()})
			if pruned == nil {
				return err
			}
			return errors.Join(c.Print(showPruned(repo.Location(), pruned, dryRun)), err, failures(repo.Location(), pruned))
		})
	}
	return cmd
}

func failures(location string, p *repository.Pruned) error {
	if len(p.Failed) == 0 {
		return nil
	}
	var first error
	for _, err := range p.Failed {
		first = repository.Explain("prune", location, err)
		break
	}
	return fmt.Errorf("%d snapshots could not be deleted, the first because: %w", len(p.Failed), first)
}

func showPruned(location string, p *repository.Pruned, dryRun bool) console.Result {
	v := prunedView{Repository: location, DryRun: dryRun, Snapshots: []verdictView{}, Manifests: p.Manifests, Uploads: p.Uploads}
	var gone []string
	for _, d := range p.Verdicts {
		row := verdictView{Name: d.Entry.File, State: string(d.Entry.State), Action: "keep", Reason: d.Reason}
		switch err := p.Failed[d.Entry.File]; {
		case err != nil:
			row.Action, row.Error = "failed", err.Error()
		case d.Delete && dryRun:
			row.Action = "delete"
		case d.Delete:
			row.Action = "deleted"
		}
		if d.Delete && row.Error == "" {
			gone = append(gone, d.Entry.File)
		}
		v.Snapshots = append(v.Snapshots, row)
	}
	return console.Result{Value: v, Names: gone, Table: func(w io.Writer) { v.table(w, len(gone)) }}
}

func (v prunedView) table(w io.Writer, gone int) {
	rows := make([][]string, len(v.Snapshots))
	for i, s := range v.Snapshots {
		reason := s.Reason
		if s.Error != "" {
			reason = s.Error
		}
		rows[i] = []string{s.Name, s.State, s.Action, reason}
	}
	if len(rows) > 0 {
		console.Columns(w, []string{"NAME", "STATE", "ACTION", "REASON"}, rows)
	}
	if v.DryRun {
		fmt.Fprintf(w, "%d of %d snapshots would be deleted from %s.\n", gone, len(rows), v.Repository)
		return
	}
	fmt.Fprintf(w, "%d of %d snapshots deleted from %s.\n", gone, len(rows), v.Repository)
}

func notOwner(location string, owner *repository.Owner, id string) error {
	return &problem.Error{
		Kind: problem.Refused, Op: "delete from", Subject: location,
		Why:  fmt.Sprintf("it belongs to cluster %s, not to %s", owner.ClusterID, id),
		Next: "only the owner deletes; pass --cluster-id " + owner.ClusterID + " if this is that cluster",
	}
}
