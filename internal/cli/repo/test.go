package repo

import (
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// testView is the JSON form of holdfast repo test.
type testView struct {
	Repository string      `json:"repository"`
	Rights     []probeView `json:"rights"`
}

// probeView is the verdict on one right.
type probeView struct {
	Right   string `json:"right"`
	Verdict string `json:"verdict"` // yes, no, not tried
	Reason  string `json:"reason,omitempty"`
	Next    string `json:"next,omitempty"`
	TookMS  int64  `json:"tookMilliseconds"`
}

func newTest(c *console.Console, flags *settings.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Try each right that a repository must grant to this machine",
		Long: `Try each right that a repository must grant to this machine: write, list, read, ranged read, large (multipart)
write, delete, clean up (find the remains of interrupted uploads). Small objects in the folder .metadata are written and
removed again; nothing else is touched. Who may not write gets verdicts on reading what is there.`,
		Args: cobra.NoArgs,
	}
	flags.AddRepository(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return with(cmd.Context(), flags, "test", func(repo *settings.Opened) error {
			v, missing := judge(repo.Location(), repo.Test(cmd.Context()))
			return errors.Join(c.Print(console.Result{Value: v, Names: v.granted(), Table: v.table}), missing)
		})
	}
	return cmd
}

// judge words each verdict and returns the first failure, with its next step.
func judge(location string, probes []repository.Probe) (v testView, first error) {
	v.Repository = location
	for _, probe := range probes {
		row := probeView{Right: probe.Right, Verdict: "yes", TookMS: probe.Took.Milliseconds()}
		err := probe.Explain(location)
		switch {
		case probe.Skipped != "":
			row.Verdict, row.Reason = "not tried", probe.Skipped
		case err != nil:
			row.Verdict, row.Reason, row.Next = "no", err.Error(), problem.NextOf(err)
		}
		if first == nil && err != nil {
			first = missing(location, probe.Right, err)
		}
		v.Rights = append(v.Rights, row)
	}
	return v, first
}

// missing says it shortly where the table has the cause.
func missing(location, right string, err error) error {
	p := &problem.Error{Kind: problem.KindOf(err), Op: "test", Subject: location, Next: problem.NextOf(err)}
	p.Why = "the right to " + right + " is missing"
	if p.Kind != problem.Denied {
		p.Why = "the test of " + right + " came to no end"
	}
	return p
}

func (v testView) granted() []string {
	var rights []string
	for _, row := range v.Rights {
		if row.Verdict == "yes" {
			rights = append(rights, row.Right)
		}
	}
	return rights
}

func (v testView) table(w io.Writer) {
	rows := make([][]string, len(v.Rights))
	for i, r := range v.Rights {
		took := "-"
		if r.Verdict != "not tried" {
			took = (time.Duration(r.TookMS) * time.Millisecond).String()
		}
		rows[i] = []string{r.Right, r.Verdict, took, r.Reason}
	}
	console.Columns(w, []string{"RIGHT", "VERDICT", "TOOK", "REASON"}, rows)
}
