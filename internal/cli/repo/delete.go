package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

func newDelete(c *console.Console, flags *settings.Flags) *cobra.Command {
	var clusterID string
	cmd := &cobra.Command{
		Use:               "delete SNAPSHOT...",
		Aliases:           []string{"rm"},
		Short:             "Delete snapshots, on purpose",
		Long:              "Delete snapshots, on purpose and of whatever state. SNAPSHOT is a whole name, with or without extension.",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: flags.CompleteSnapshots(0),
	}
	flags.AddRepository(cmd)
	cmd.Flags().StringVar(&clusterID, "cluster-id", "", "Holdfast's id of this cluster, where this machine does not know it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return with(cmd.Context(), flags, "delete from", func(repo *settings.Opened) error {
			if _, err := ownerID(cmd.Context(), flags, repo, clusterID, false); err != nil {
				return err
			}
			// All names are looked up before the first is deleted: a typing error must not leave half of it done.
			entries, err := repo.FindWhole(cmd.Context(), args)
			if err != nil {
				return err
			}
			gone := []string{}
			for _, e := range entries {
				if err = repo.Delete(cmd.Context(), e); err != nil {
					break // and what has gone by now is told all the same
				}
				gone = append(gone, e.File)
			}
			return errors.Join(c.Print(deleted(repo.Location(), gone)), err)
		})
	}
	return cmd
}

func deleted(location string, gone []string) console.Result {
	return console.Result{
		Value: struct {
			Deleted []string `json:"deleted"`
		}{gone},
		Names: gone,
		Table: func(w io.Writer) {
			for _, n := range gone {
				fmt.Fprintf(w, "%s deleted from %s\n", n, location)
			}
		},
	}
}

// ownerID makes sure that this cluster may delete here, and returns its id. A repository without an owner holds foreign
// snapshots alone, and anybody who can reach it may.
func ownerID(ctx context.Context, flags *settings.Flags, repo *settings.Opened, given string, readOnly bool) (string, error) {
	owner, err := repo.Owner(ctx)
	given = cmp.Or(given, repo.ClusterID)
	if err != nil || owner == nil {
		return given, err
	}
	if given == "" && readOnly {
		return owner.ClusterID, nil
	}
	id, err := flags.Identities().ClusterID(given, repo.Key, owner)
	if err != nil {
		return "", err
	}
	if id.ID != owner.ClusterID {
		return "", notOwner(repo.Location(), owner, id.ID)
	}
	return id.ID, nil
}
