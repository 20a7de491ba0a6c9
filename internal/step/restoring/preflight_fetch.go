package restoring

import (
	"context"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// early fetches the snapshot before anybody has approved anything, so that what the plan says is said of the very bytes that
// will be restored. They stay for the restore. A disk on which they would be too much is left alone: what is known without
// them has to do, and whether there is room for the restore itself is another check.
func (s *preflight) early(ctx context.Context, inst *distro.Installation, entry *repository.Entry, report step.Report) (fetched, bool) {
	stored := entry.Info.Size
	// Beside the file there are for a while two of what is in it: one to check, one to compare.
	needs := stored + 2*unpacked(entry.Manifest, stored)
	if err := snapshot.RequireSpace("fetch the snapshot to", s.StateDir, needs, snapshot.DefaultMinFree); err != nil {
		s.add("SnapshotChecked", warning, "it will be checked in full when the restore fetches it, since now it would take too much: "+err.Error())
		return fetched{Manifest: entry.Manifest}, true
	}
	got, err := s.fetch().obtain(ctx, report)
	if err != nil {
		s.note("SnapshotChecked", err, "")
		return fetched{Manifest: entry.Manifest}, false
	}
	return got, s.examine(ctx, inst, got, report)
}

// earlier is what the checks before these have fetched. It is as good as what lies in S3, which need not answer any more.
func (s *preflight) earlier(ctx context.Context) (fetched, bool) {
	if !s.settings.Fetches {
		return fetched{}, false
	}
	return s.fetch().before(ctx)
}

func (s *preflight) fetch() *fetch {
	return &fetch{base: s.base, settings: step.FetchSettings{Copy: s.settings.Copy}}
}

// dropRefused removes what was fetched for a restore that can't be as it is: somebody has to do something first, and may
// never do it.
func (s *preflight) dropRefused() error {
	if !s.settings.Fetches || !slices.ContainsFunc(s.checks, func(c v1alpha1.PreflightCheck) bool { return c.Outcome == failed }) {
		return nil
	}
	return s.dropFetched()
}
