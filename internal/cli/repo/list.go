package repo

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// listView is the JSON form of holdfast repo ls.
type listView struct {
	Repository string            `json:"repository"`
	Owner      *repository.Owner `json:"owner,omitempty"`
	// OwnerProblem says why nobody can tell who owns it. That forbids to write, and nothing else.
	OwnerProblem string      `json:"ownerProblem,omitempty"`
	Snapshots    []entryView `json:"snapshots"`
}

func newList(c *console.Console, flags *settings.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the snapshots in a repository, newest first",
		Long: `List the snapshots in a repository, newest first.

The list is made from the repository alone. Snapshots of k3s, rke2, RKE and etcdctl are in it; other files are ignored.

States: restored (a trial restore was served by a real etcd), checked (its content was read in full), complete
(published, its hash right), unverified (not tested: only its own checksum can vouch for it), suspect (etcd was not
well when it was taken), damaged.`,
		Args: cobra.NoArgs,
	}
	flags.AddRepository(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return with(cmd.Context(), flags, "list", func(repo *settings.Opened) error {
			list, err := repo.List(cmd.Context())
			if err != nil {
				return err
			}
			v := listView{Repository: repo.Location(), Snapshots: []entryView{}}
			if v.Owner, err = repo.Owner(cmd.Context()); err != nil {
				err = repository.Explain("read the owner of", repo.Location(), err)
				c.Notef("%v", err)
				v.OwnerProblem = err.Error()
			}
			for _, e := range list {
				v.Snapshots = append(v.Snapshots, view(repo.Store().Location, e))
			}
			return c.Print(console.Result{Value: v, Names: names(list), Table: func(w io.Writer) { v.table(w, c.Now()) }})
		})
	}
	return cmd
}

func (v listView) table(w io.Writer, now time.Time) {
	if len(v.Snapshots) == 0 {
		fmt.Fprintf(w, "No snapshots in %s.\n", v.Repository)
		return
	}
	rows := make([][]string, 0, len(v.Snapshots))
	for _, s := range v.Snapshots {
		revision := "-"
		if s.Manifest != nil {
			revision = fmt.Sprint(s.Manifest.Database.Revision)
		} else if s.Foreign != nil && s.Foreign.Database.Revision > 0 {
			revision = fmt.Sprint(s.Foreign.Database.Revision)
		}
		rows = append(rows, []string{
			s.Name, s.State, console.Age(now, s.CreatedAt), s.CreatedAt.Local().Format("2006-01-02 15:04:05"),
			console.Bytes(s.Size), revision, dash(s.Node), s.Trigger, s.Maker, dash(s.KubernetesVersion),
		})
	}
	console.Columns(w, []string{"NAME", "STATE", "AGE", "CREATED", "SIZE", "REVISION", "NODE", "TRIGGER", "MAKER", "KUBERNETES"}, rows)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
