package snapshot

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/byhand"
	"github.com/holdfast-dev/holdfast/internal/cli/cell"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/watch"
)

func newList(c *console.Console, flags *manager.Flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ls CLUSTER",
		Aliases: []string{"list"},
		Short:   "List a cluster's snapshots, the newest backup first",
		Long: `List a cluster's snapshots, the newest backup first. The files of one backup stand together.

States: proven (restored on trial, and the same as the live cluster), restored (a trial restore was served by a real etcd),
checked (its content was read in full), complete (stored whole, its hash right), unverified, suspect (etcd was not well),
damaged, failed (never stored whole), missing (it was there once).`,
	}
	watch.ListOf(cmd, c, flags, &v1alpha1.EtcdSnapshotList{}, show)
	return cmd
}

func show(ctx context.Context, c *console.Console, m *manager.Manager, cluster *v1alpha1.Cluster) error {
	var list v1alpha1.EtcdSnapshotList
	if err := m.List(ctx, &list, cluster.Namespace); err != nil {
		return err
	}
	sorted := byBackup(list.Items)
	return c.Print(manager.Many(m, sorted, func(w io.Writer) {
		if len(sorted) == 0 {
			fmt.Fprintf(w, "No snapshots of %s. Take one: holdfast snapshot create %s\n", cluster.Name, cluster.Name)
			return
		}
		table(w, c.Now(), sorted)
	}))
}

// byBackup sorts so that the newest backup comes first, and the files of one backup stand together.
func byBackup(list []v1alpha1.EtcdSnapshot) []v1alpha1.EtcdSnapshot {
	newest := map[string]time.Time{}
	for _, s := range list {
		if k := backup(&s); s.Spec.Created.After(newest[k]) {
			newest[k] = s.Spec.Created.Time
		}
	}
	slices.SortFunc(list, func(a, b v1alpha1.EtcdSnapshot) int {
		if c := newest[backup(&b)].Compare(newest[backup(&a)]); c != 0 {
			return c
		}
		if c := strings.Compare(backup(&a), backup(&b)); c != 0 {
			return c
		}
		return strings.Compare(a.Spec.Node+a.Name, b.Spec.Node+b.Name)
	})
	return list
}

// backup that a snapshot belongs to: one of its own when nobody knows.
func backup(s *v1alpha1.EtcdSnapshot) string {
	if s.Spec.Backup == "" {
		return s.Name
	}
	return s.Spec.Backup
}

// revision of a snapshot: that of one whose maker noted none is not known.
func revision(s *v1alpha1.EtcdSnapshot) string {
	if s.Spec.Revision == 0 {
		return "-"
	}
	return fmt.Sprint(s.Spec.Revision)
}

func table(w io.Writer, now time.Time, list []v1alpha1.EtcdSnapshot) {
	var rows [][]string
	last := ""
	for i := range list {
		s := &list[i]
		created, trigger := s.Spec.Created.Local().Format(time.DateTime), cell.Text(s.Spec.Trigger)
		if backup(s) == last {
			created, trigger = "", "" // as above
		}
		last = backup(s)
		rows = append(rows, []string{
			created, trigger, s.Name, cell.Text(s.Status.State), cell.Age(now, &s.Spec.Created), console.Bytes(s.Status.Size),
			revision(s), cell.Text(s.Spec.KubernetesVersion), copies(s), evidence(now, s),
		})
	}
	console.Columns(w, []string{"CREATED", "TRIGGER", "NAME", "STATE", "AGE", "SIZE", "REVISION", "VERSION", "COPIES", "TESTED"}, rows)
}

// copies are the places that a snapshot can be restored from, and what is wrong with the others.
func copies(s *v1alpha1.EtcdSnapshot) string {
	var places []string
	for _, c := range s.Status.Copies {
		place := c.Machine
		if place == "" {
			place = "s3"
		}
		if !byhand.Usable(c.State) {
			place += " (" + string(c.State) + ")"
		}
		places = append(places, place)
	}
	slices.Sort(places)
	return cell.Text(strings.Join(places, ", "))
}

var levels = []string{"checksum", "content", "restore", "live"}

// evidence is the strongest test that a copy stood, or the one that it failed.
func evidence(now time.Time, s *v1alpha1.EtcdSnapshot) string {
	best, strength := cell.None, -1
	for _, c := range s.Status.Copies {
		for _, e := range c.Evidence {
			text := fmt.Sprintf("%s %s %s ago", e.Level, e.Outcome, console.Age(now, e.At.Time))
			switch i := slices.Index(levels, e.Level); {
			case e.Outcome == "failed":
				return text
			case e.Outcome == "passed" && i > strength:
				best, strength = text, i
			}
		}
	}
	return best
}
