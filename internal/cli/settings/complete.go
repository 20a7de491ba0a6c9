package settings

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// A shell that waits for completions is a shell that hangs.
const completionTimeout = 5 * time.Second

// CompleteSnapshots offers the snapshots of the repository that the flags mean, for a command that takes at most so
// many; 0: any number. Without a repository it leaves the completion of file names to the shell.
func (f *Flags) CompleteSnapshots(most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if f.CheckRepository() != nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		names, err := f.snapshotNames(cmd.Context(), args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// snapshotNames leaves out those that stand on the command line already.
func (f *Flags) snapshotNames(ctx context.Context, given []string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	repo, err := f.Open(false)
	if err != nil {
		return nil, err
	}
	defer repo.Store().Close()
	list, err := repo.List(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range list {
		if !slices.Contains(given, e.File) {
			names = append(names, e.File+"\t"+string(e.State))
		}
	}
	return names, nil
}

func (f *Flags) repositoryNames() []string {
	file, err := f.File()
	if err != nil {
		return nil
	}
	var names []string
	for name, r := range file.Repositories {
		names = append(names, name+"\t"+r.URL)
	}
	slices.Sort(names)
	return names
}
