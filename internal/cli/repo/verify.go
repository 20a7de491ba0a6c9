package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/engine/snapshot/trial"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// verifiedView is the JSON form of holdfast repo verify.
type verifiedView struct {
	Repository string       `json:"repository"`
	Level      string       `json:"level"`
	Snapshots  []testedView `json:"snapshots"`
}

// testedView is what the test of one snapshot showed.
type testedView struct {
	Name  string `json:"name"`
	Sound bool   `json:"sound"`
	// Tested is false when the test itself could not be done: then nothing is known, for good or bad.
	Tested   bool                `json:"tested"`
	Problem  string              `json:"problem,omitempty"`
	Evidence []snapshot.Evidence `json:"evidence"`
}

func newVerify(c *console.Console, flags *settings.Flags) *cobra.Command {
	var level, etcdBinary string
	var all, record bool
	cmd := &cobra.Command{
		Use:   "verify [SNAPSHOT...]",
		Short: "Read snapshots back and test them",
		Long: `Read snapshots back and test them.

checksum compares etcd's own hash and the manifest's; content also walks every page and decodes every record; restore
also restores into a scratch directory and has a real etcd serve it. The outcome is recorded in the manifest, or beside
a snapshot that has none, unless --record=false. The exit code is 4 when one of them is damaged.`,
		Example: `  holdfast repo verify --repo prod on-demand-node1-1652288934.db.zst
  holdfast repo verify --repo prod --all --level restore`,
		ValidArgsFunction: flags.CompleteSnapshots(0),
	}
	flags.AddRepository(cmd)
	cmd.Flags().StringVar(&level, "level", string(snapshot.LevelContent), "checksum, content or restore")
	cmd.Flags().BoolVar(&all, "all", false, "all snapshots of the repository")
	cmd.Flags().BoolVar(&record, "record", true, "write the outcome into the repository")
	cmd.Flags().StringVar(&etcdBinary, "etcd-binary", "", "etcd program for trial restores (default: the one built in)")
	_ = cmd.RegisterFlagCompletionFunc("level",
		cobra.FixedCompletions([]string{"checksum", "content", "restore"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		l, err := snapshot.ParseLevel(level)
		if err != nil {
			return console.Usagef("--level: %v", err)
		}
		if all == (len(args) > 0) {
			return console.Usagef("give the names of snapshots, or --all")
		}
		return with(cmd.Context(), flags, "verify", func(repo *settings.Opened) error {
			entries, err := choose(cmd.Context(), repo, args, all)
			if err != nil {
				return err
			}
			command := c.Etcd
			if etcdBinary != "" {
				command = []string{etcdBinary}
			}
			v := &verifier{
				console: c, repo: repo, level: l, record: record, spool: flags.SpoolDir(),
				prover: trial.New(trial.Config{Command: command, Dir: flags.SpoolDir(), Log: c.Log()}),
			}
			return v.run(cmd.Context(), entries)
		})
	}
	return cmd
}

func choose(ctx context.Context, repo *settings.Opened, args []string, all bool) ([]repository.Entry, error) {
	if all {
		return repo.List(ctx)
	}
	entries := make([]repository.Entry, len(args))
	for i, name := range args {
		e, err := repo.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		entries[i] = *e
	}
	return entries, nil
}

type verifier struct {
	console *console.Console
	repo    *settings.Opened
	level   snapshot.Level
	record  bool
	spool   string
	prover  snapshot.Prover
}

// run tests each, and goes on after a damaged one: the operator wants to know which are left.
func (v *verifier) run(ctx context.Context, entries []repository.Entry) error {
	result := verifiedView{Repository: v.repo.Location(), Level: string(v.level), Snapshots: []testedView{}}
	damaged := 0
	var unsure error
	for i, e := range entries {
		if len(entries) > 1 {
			v.console.Notef("verifying %s (%d of %d)", e.File, i+1, len(entries))
		}
		view, err := v.judge(ctx, e)
		switch {
		case err == nil:
		case view.Tested:
			damaged++
		default:
			if unsure = errors.Join(unsure, err); ctx.Err() != nil {
				return unsure
			}
		}
		result.Snapshots = append(result.Snapshots, view)
	}
	if err := v.console.Print(result.result()); err != nil {
		return err
	}
	if damaged > 0 { // which is worse than not to know
		return &problem.Error{
			Kind: problem.Damaged, Op: "verify", Subject: v.repo.Location(),
			Why:  fmt.Sprintf("%d of %d snapshots are damaged", damaged, len(entries)),
			Next: "do not count on them; take a new one soon with holdfast etcd save",
		}
	}
	return unsure
}

func (v *verifier) judge(ctx context.Context, e repository.Entry) (testedView, error) {
	evidence, err := v.verify(ctx, e)
	view := testedView{Name: e.File, Sound: err == nil, Tested: true, Evidence: []snapshot.Evidence{}}
	view.Evidence = append(view.Evidence, evidence...)
	if err == nil {
		return view, nil
	}
	if problem.KindOf(err) != problem.Damaged {
		err = repository.Explain("verify", e.File, err)
		view.Tested = false
	}
	view.Problem = cause(err)
	return view, err
}

// cause is an error without what the other columns say.
func cause(err error) string {
	var p *problem.Error
	if errors.As(err, &p) {
		return (&problem.Error{Why: p.Why, Err: p.Err}).Error()
	}
	return err.Error()
}

func (v *verifier) verify(ctx context.Context, e repository.Entry) ([]snapshot.Evidence, error) {
	if e.Manifest == nil && e.State == repository.StateDamaged {
		return nil, &problem.Error{Kind: problem.Damaged, Op: "verify", Subject: e.File, Why: e.Reason}
	}
	progress, stop := v.console.Progress()
	result, err := snapshot.Verify(ctx, snapshot.VerifyConfig{
		Source: snapshot.StoreSource(v.repo.Store(), e.Info), Manifest: e.Manifest, Level: v.level, Prover: v.prover,
		SpoolDir: v.spool, Host: v.console.Host(), Now: v.console.Now, Progress: progress,
	})
	stop()
	if v.record {
		if err := v.keep(ctx, &e, result); err != nil {
			v.console.Notef("the outcome could not be recorded: %v", repository.Explain("record it in", v.repo.Location(), err))
		}
	}
	return result.Evidence, err
}

// keep records what was shown: in the manifest, or beside a snapshot that has none.
func (v *verifier) keep(ctx context.Context, e *repository.Entry, shown *snapshot.Verified) error {
	if e.Manifest == nil {
		return v.repo.RecordForeign(ctx, e, shown)
	}
	if len(shown.Evidence) == 0 {
		return nil
	}
	e.Manifest.AddEvidence(shown.Evidence...)
	return snapshot.PutManifest(ctx, v.repo.Store(), e.Manifest)
}

func (v verifiedView) result() console.Result {
	r := console.Result{Value: v, Table: v.table}
	for _, s := range v.Snapshots {
		if s.Sound {
			r.Names = append(r.Names, s.Name)
		}
	}
	return r
}

func (v verifiedView) table(w io.Writer) {
	if len(v.Snapshots) == 0 {
		fmt.Fprintf(w, "No snapshots in %s.\n", v.Repository)
		return
	}
	rows := make([][]string, len(v.Snapshots))
	for i, s := range v.Snapshots {
		verdict, detail := "sound", ""
		for _, e := range s.Evidence {
			detail = fmt.Sprintf("%s %s in %s", e.Level, e.Outcome, e.Took.Round(time.Millisecond))
			if e.Reason != "" {
				detail += ": " + e.Reason
			}
		}
		if !s.Sound {
			verdict, detail = "NOT SOUND", s.Problem
		}
		if !s.Tested {
			verdict = "NOT TESTED"
		}
		rows[i] = []string{s.Name, verdict, detail}
	}
	console.Columns(w, []string{"NAME", "VERDICT", "DETAIL"}, rows)
}
