package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
	"github.com/holdfast-dev/holdfast/internal/escrow"
	"github.com/holdfast-dev/holdfast/internal/secretfile"
)

func newEscrow(c *console.Console, flags *settings.Flags) *cobra.Command {
	var identity, dir string
	cmd := &cobra.Command{
		Use:   "escrow SNAPSHOT",
		Short: "Open what lies encrypted beside a snapshot: token, keys, certificates",
		Long: `Open what lies encrypted beside a snapshot: the cluster's token, the secret values of its configuration, its keys and
certificates.

It tells what there is, and shows no secret. --output-dir writes all of it into a new directory that only you may read:
the files "token" and "config-secrets.json", and below "files" the machine's files by their paths.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: flags.CompleteSnapshots(1),
	}
	flags.AddRepository(cmd)
	cmd.Flags().StringVar(&identity, "identity-file", "", "file with the age identity of one of the cluster's escrowRecipients")
	cmd.Flags().StringVar(&dir, "output-dir", "", "write all of it into this directory, which must not exist")
	_ = cmd.MarkFlagRequired("identity-file")
	_ = cmd.MarkFlagFilename("identity-file")
	_ = cmd.MarkFlagDirname("output-dir")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := secretfile.Read("the age identity", identity, "--identity-file")
		if err != nil {
			return err
		}
		identities, err := escrow.Identities(string(text))
		if err != nil {
			return err
		}
		return with(cmd.Context(), flags, "open the escrow in", func(repo *settings.Opened) error {
			sealed, err := sealedBeside(cmd.Context(), repo, args[0])
			if err != nil {
				return err
			}
			content, err := escrow.Open(sealed, identities)
			if err != nil {
				return err
			}
			if dir != "" {
				if err := content.Write(dir); err != nil {
					return problem.File("write the escrow to", dir, "--output-dir", err)
				}
			}
			return c.Print(tellEscrow(content))
		})
	}
	return cmd
}

// sealedBeside is the escrow of a snapshot, still encrypted.
func sealedBeside(ctx context.Context, repo *settings.Opened, name string) ([]byte, error) {
	e, err := repo.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	sealed, err := repo.EscrowOf(ctx, e)
	if errors.Is(err, repository.ErrNoEscrow) {
		return nil, &problem.Error{
			Kind: problem.NotFound, Op: "open the escrow of", Subject: e.File, Err: err,
			Why:  "the cluster had no escrowRecipients when it was taken, or the distribution took it and its token had been changed when Holdfast saw it first",
			Next: "take another snapshot, or bring the token from where you keep it",
		}
	}
	return sealed, err
}

// escrowView is what is told of an escrow.
type escrowView struct {
	Token bool `json:"token"`
	// Secrets are the keys of the configuration, without their values.
	Secrets []string         `json:"secrets"`
	Files   []escrowFileView `json:"files"`
}

type escrowFileView struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
	Size int    `json:"size"`
}

func tellEscrow(content *escrow.Content) console.Result {
	v := escrowView{Token: content.Token != "", Secrets: content.SecretKeys(), Files: []escrowFileView{}}
	var names []string
	for _, f := range content.Files {
		v.Files = append(v.Files, escrowFileView{Path: f.Path, Mode: fmt.Sprintf("%04o", f.Mode), Size: len(f.Data)})
		names = append(names, f.Path)
	}
	return console.Result{Value: v, Names: names, Table: func(w io.Writer) {
		has := "no"
		if v.Token {
			has = "yes"
		}
		console.Pairs(w, "Token", has, "Secret values", strings.Join(v.Secrets, ", "), "Files", fmt.Sprint(len(v.Files)))
		for _, f := range v.Files {
			fmt.Fprintf(w, "%s  %8d  %s\n", f.Mode, f.Size, f.Path)
		}
	}}
}
