package repo

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// probeView is the JSON form of one verdict of holdfast repo test.
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
write, delete. Small objects in the folder .metadata are written and removed again; nothing else is touched.`,
		Args: cobra.NoArgs,
	}
	flags.AddRepository(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return with(cmd.Context(), flags, "test", func(repo *settings.Opened) error {
			views, first := judge(repo.Location(), repo.Test(cmd.Context()))
			r := console.Result{Value: views, Table: func(w io.Writer) { table(w, views) }}
			for _, v := range views {
				if v.Verdict == "yes" {
					r.Names = append(r.Names, v.Right)
				}
			}
			if err := c.Print(r); err != nil {
				return err
			}
			return first
		})
	}
	return cmd
}

// judge words each verdict and returns the first failure.
func judge(location string, probes []repository.Probe) (views []probeView, first error) {
	for _, probe := range probes {
		v := probeView{Right: probe.Right, Verdict: "yes", TookMS: probe.Took.Milliseconds()}
		switch {
		case probe.Skipped != "":
			v.Verdict, v.Reason = "not tried", probe.Skipped
		case probe.Err != nil:
			err := repository.Explain(probe.Right, location, probe.Err)
			v.Verdict, v.Reason, v.Next = "no", err.Error(), problem.NextOf(err)
			var p *problem.Error
			if errors.As(err, &p) {
				v.Reason = p.Headline()
			}
			if first == nil {
				first = &problem.Error{Kind: problem.KindOf(err), Op: "test", Subject: location, Why: "the right to " + probe.Right + " is missing"}
			}
		}
		views = append(views, v)
	}
	return views, first
}

func table(w io.Writer, views []probeView) {
	rows := make([][]string, len(views))
	for i, v := range views {
		took := "-"
		if v.Verdict != "not tried" {
			took = (time.Duration(v.TookMS) * time.Millisecond).String()
		}
		rows[i] = []string{v.Right, v.Verdict, took, v.Reason}
	}
	console.Columns(w, []string{"RIGHT", "VERDICT", "TOOK", "REASON"}, rows)
	for _, v := range views {
		if v.Next != "" {
			fmt.Fprintf(w, "next: %s\n", v.Next)
			return
		}
	}
}
