package restoring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coreos/go-semver/semver"
	"github.com/dustin/go-humanize"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// Outcomes of a check.
const (
	passed  = "Passed"
	warning = "Warning"
	failed  = "Failed"
)

// preflight looks whether this machine could take part in a restore.
type preflight struct {
	base
	settings step.PreflightSettings
	checks   []v1alpha1.PreflightCheck
	// needs is the room that is needed in directories.
	needs map[string]int64
}

// Do implements step.Step.
func (s *preflight) Do(ctx context.Context, report step.Report) (any, error) {
	inst, err := s.Driver.Discover(ctx)
	s.note("EtcdInstalled", err, found(inst))
	if err == nil {
		s.look(ctx, inst, report)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return step.PreflightEvidence{Checks: s.checks}, errors.Join(s.forget(), s.dropRefused())
}

func found(inst *distro.Installation) string {
	switch {
	case inst == nil:
		return ""
	case inst.DataDir == "":
		return "there is no etcd on this machine, and need not be"
	}
	return "etcd was found: its data is in " + inst.DataDir
}

// look looks at all that this machine's part of a restore needs.
func (s *preflight) look(ctx context.Context, inst *distro.Installation, report step.Report) {
	s.needs = map[string]int64{}
	purpose := "a restore"
	if s.settings.Restores {
		s.restores(ctx, inst, report)
	}
	if s.settings.Joins > 0 && inst.DataDir != "" {
		s.needs[nearest(inst.DataDir)] += s.restored(s.settings.Joins)
		purpose = "the other members' data"
	}
	s.copies(ctx)
	if len(s.needs) > 0 {
		s.room(purpose)
	}
	s.changesOf(ctx)
}

// note adds a check.
func (s *preflight) note(check string, err error, good string) {
	s.add(check, passed, good)
	if err != nil {
		c := &s.checks[len(s.checks)-1]
		c.Outcome, c.Message = failed, err.Error()
		if next := problem.NextOf(err); next != "" {
			c.Message += "; " + next
		}
	}
}

func (s *preflight) add(check, outcome, message string) {
	s.checks = append(s.checks, v1alpha1.PreflightCheck{Check: check, Machine: s.Name, Outcome: outcome, Message: message})
}

// restores looks at all that a restore on this machine needs.
func (s *preflight) restores(ctx context.Context, inst *distro.Installation, report step.Report) {
	got, size, readable := s.readable(ctx, inst, report)
	s.space(inst, got, size)
	if !readable {
		return
	}
	if _, ok := s.Driver.(distro.Kubernetes); !ok { // with a Kubernetes distribution etcd's version is not one's to choose
		s.version(inst, got.Manifest)
	}
	s.checked(ctx, got)
}

// readable looks at the snapshot itself, if this machine can reach it. size is what is stored.
func (s *preflight) readable(ctx context.Context, inst *distro.Installation, report step.Report) (got fetched, size int64, readable bool) {
	c := s.settings.Copy
	if !s.isLocal(c) && !strings.HasPrefix(c.Location, "s3://") {
		s.add("SnapshotReadable", passed, "it will be fetched from "+c.Machine+" and checked in full")
		return got, c.Size, false
	}
	if s.isLocal(c) {
		return s.local(ctx, inst, report)
	}
	if got, ok := s.earlier(ctx); ok {
		s.note("SnapshotReadable", nil, "it was fetched from "+c.Location+" before")
		return got, got.Copy.Size, s.examine(ctx, inst, got, report)
	}
	repo, entry, err := s.Places.Find(ctx, c.Location)
	if err != nil {
		s.note("SnapshotReadable", err, "")
		return got, c.Size, false
	}
	defer repo.Close()
	body, err := repo.Store().Get(ctx, entry.File, 0, 1, entry.Info.Version)
	if err == nil {
		err = body.Close()
	}
	s.note("SnapshotReadable", repository.Explain("read", c.Location, err), "it can be read from "+c.Location)
	if err == nil && s.settings.Fetches && entry.State != repository.StateDamaged {
		got, readable = s.early(ctx, inst, entry, report)
		return got, entry.Info.Size, readable
	}
	s.state(entry)
	return fetched{Manifest: entry.Manifest}, entry.Info.Size, err == nil
}

// state judges a copy in S3 by its manifest. All of it is read when it is fetched, still before anything is touched.
func (s *preflight) state(e *repository.Entry) {
	switch {
	case e.State == repository.StateDamaged:
		s.add("SnapshotChecked", failed, "a test has found it damaged: "+e.Reason)
	case e.Manifest != nil && e.Manifest.Proved().Covers(snapshot.LevelContent):
		s.add("SnapshotChecked", passed, "all of it has been checked before")
	case e.State == repository.StateSuspect:
		s.add("SnapshotChecked", warning, "it is suspect: "+e.Reason)
	default:
		s.add("SnapshotChecked", warning, "nobody has read all of it yet; it will be checked in full when it is fetched")
	}
}

// local reads all of a snapshot on this machine.
func (s *preflight) local(ctx context.Context, inst *distro.Installation, report step.Report) (fetched, int64, bool) {
	got, err := s.findLocal(ctx, s.settings.Copy.Location)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Stat(got.Path)
	}
	s.note("SnapshotReadable", err, "it lies on this machine")
	if err != nil {
		return got, 0, false
	}
	return got, info.Size(), s.examine(ctx, inst, got, report)
}

// examine reads all of a snapshot on this machine's disk, and says whether it is good.
func (s *preflight) examine(ctx context.Context, inst *distro.Installation, got fetched, report step.Report) bool {
	report("reading the snapshot", "")
	src, err := snapshot.FileSource(got.Path)
	if err == nil {
		_, err = snapshot.Verify(ctx, snapshot.VerifyConfig{
			Source: src, Manifest: got.Manifest, Level: snapshot.LevelContent, SpoolDir: s.SpoolDir, Host: s.Places.Host, Now: s.Now,
		})
	}
	s.note("SnapshotChecked", err, "all of it was read just now")
	if err == nil {
		report("counting what a restore changes", "")
		s.changes(ctx, inst, src, got.Manifest)
	}
	return err == nil
}

// space asks for room for the fetched copy and for the restored data beside the old one.
func (s *preflight) space(inst *distro.Installation, got fetched, stored int64) {
	if inst.DataDir != "" {
		s.needs[nearest(inst.DataDir)] += s.restored(unpacked(got.Manifest, stored))
	}
	if got.Path == "" && !s.isLocal(s.settings.Copy) {
		s.needs[nearest(s.StateDir)] += stored
	}
}

// restored is the room that a database takes where it comes to lie. A server of a Kubernetes distribution copies it at each
// start (seen on k3s 1.36: server/db/etcd-tmp).
func (s *preflight) restored(database int64) int64 {
	need := snapshot.SpaceToRestore(database)
	if _, ok := s.Driver.(distro.Kubernetes); ok {
		need += database
	}
	return need
}

// unpacked is the size of a snapshot's database, as far as it is known.
func unpacked(m *snapshot.Manifest, stored int64) int64 {
	if m == nil {
		return stored
	}
	return max(m.Database.Size, stored)
}

// room compares what is needed with what is free.
func (s *preflight) room(purpose string) {
	var errs []error
	var good []string
	for _, dir := range slices.Sorted(maps.Keys(s.needs)) {
		need := s.needs[dir]
		free, err := snapshot.FreeSpace(dir)
		if err == nil && free < need {
			err = fmt.Errorf("%s has %s free, and %s takes %s: free some space there", dir, humanize.IBytes(uint64(free)), purpose, humanize.IBytes(uint64(need)))
		}
		errs = append(errs, err)
		good = append(good, fmt.Sprintf("%s: %s free, %s needed", dir, humanize.IBytes(uint64(free)), humanize.IBytes(uint64(need))))
	}
	s.note("DiskSpace", errors.Join(errs...), strings.Join(good, "; "))
}

// nearest is a directory, or the first above it that exists.
func nearest(dir string) string {
	for {
		_, err := os.Stat(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// version compares the etcd that is installed with the one that wrote the snapshot.
func (s *preflight) version(inst *distro.Installation, m *snapshot.Manifest) {
	if m == nil || inst.Version == "" {
		s.add("EtcdVersion", warning, "the version of the snapshot, or of the etcd that is installed, is not known")
		return
	}
	wrote := m.Database.StorageVersion
	if wrote == "" {
		wrote = m.Source.EtcdVersion
	}
	has, err := semver.NewVersion(inst.Version)
	if err != nil {
		s.add("EtcdVersion", warning, "the version of the installed etcd is "+inst.Version)
		return
	}
	needs, err := semver.NewVersion(wrote)
	if err != nil {
		s.add("EtcdVersion", warning, "the version of the snapshot is "+wrote)
		return
	}
	if m.Database.StorageVersion != "" && (has.Major < needs.Major || has.Major == needs.Major && has.Minor < needs.Minor) {
		s.add("EtcdVersion", failed, fmt.Sprintf("etcd %s is installed and can't open a database of %s: install %d.%d or newer", has, wrote, needs.Major, needs.Minor))
		return
	}
	s.add("EtcdVersion", passed, fmt.Sprintf("etcd %s opens a database of %s", has, wrote))
}
