// Package saving holds the steps that deal with snapshots and change no cluster: taking one, testing, deleting, and trying
// the target.
//
// None of them leaves anything to undo: what is stored whole stays, and what was cut is found and finished, or swept by the
// repository. Start reading at [Machine].
package saving

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// Machine is what the steps need to know of the machine that they run on.
type Machine struct {
	Driver distro.Driver
	Places place.Places
	// Keys reads the credentials in the Secret of an operation, for a target that is not the cluster's. None: it can't.
	Keys func(context.Context, v1alpha1.PlanOperation) (place.Keys, error)
	// Name of the Machine, ClusterID of its cluster, and Node for file names.
	Name, ClusterID, Node string
	// Recipients are age public keys: what a restore needs besides etcd's data is encrypted to them.
	Recipients []string
	MinFree    int64
	SpoolDir   string
	Prover     snapshot.Prover
	// Tool is the program and version that writes manifests.
	Tool string
	Now  func() time.Time
	Log  *slog.Logger
}

// Make returns the step of one of this package's kinds, or step.ErrUnknownKind.
func (m *Machine) Make(r step.Request) (step.Step, error) {
	switch r.Kind {
	case step.SaveSnapshot:
		s := &save{Machine: m}
		return s, r.Decode(&s.settings)
	case step.VerifySnapshot:
		s := &verify{Machine: m}
		return s, r.Decode(&s.settings)
	case step.DeleteSnapshot:
		s := &remove{Machine: m}
		return s, r.Decode(&s.settings)
	case step.TestTarget:
		s := &testTarget{Machine: m, op: r.Operation}
		return s, r.Decode(&s.settings)
	}
	return nil, step.ErrUnknownKind
}

// nothing is the way back of a step that changes no cluster.
type nothing struct{}

// Undo implements step.Step.
func (nothing) Undo(context.Context, step.Report) error { return nil }

// save takes a snapshot.
type save struct {
	*Machine
	nothing
	settings step.SaveSettings
}

// Check implements step.Step.
func (s *save) Check(context.Context) error {
	if s.Driver == nil {
		return fmt.Errorf("save a snapshot: %w", distro.ErrNotInstalled)
	}
	if _, err := snapshot.ParseLevel(string(s.settings.Verify)); err != nil {
		return err
	}
	if s.settings.S3 && s.Places.S3 == nil {
		return place.ErrNoTarget
	}
	if s.settings.Backup == "" {
		return errors.New("save a snapshot: the settings name no backup")
	}
	return snapshot.CheckName(s.settings.Base)
}

// Do implements step.Step. A snapshot of the same backup that this machine has taken before is the one: the agent died
// after it.
func (s *save) Do(ctx context.Context, report step.Report) (any, error) {
	saved, err := s.Save(ctx, s.settings, report)
	if err != nil {
		return nil, err
	}
	return step.SaveEvidence{Files: saved}, nil
}

// Save takes a snapshot into the machine's own repository and copies it to the target, if it is to. What is stored already
// is not stored again. With an error it also returns the copies that were stored all the same.
func (m *Machine) Save(ctx context.Context, set step.SaveSettings, report step.Report) ([]v1alpha1.SnapshotFile, error) {
	own, err := m.Places.Local()
	if err != nil {
		return nil, err
	}
	defer own.Close()
	if err := own.Claim(ctx, m.ClusterID, false); err != nil {
		return nil, repository.Explain("save a snapshot to", own.Location(""), err)
	}
	man, err := m.takenOrTake(ctx, own, set, report)
	if man == nil {
		return nil, err
	}
	files := []v1alpha1.SnapshotFile{own.Saved(man, m.Name)}
	if err == nil {
		err = m.putEscrow(ctx, own, man)
	}
	if err != nil || !set.S3 {
		return files, err
	}
	copied, err := m.copy(ctx, own, man, report)
	if copied == nil {
		return files, fmt.Errorf("%s is stored on this machine, but not in S3: %w", man.File, err)
	}
	return append(files, *copied), err
}

// takenOrTake finds the snapshot that this machine took for the backup before, and gathers what evidence it lacks, or takes
// one.
func (m *Machine) takenOrTake(ctx context.Context, own *place.Repository, set step.SaveSettings, report step.Report) (*snapshot.Manifest, error) {
	entries, err := own.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		good := e.State.Good() || set.Salvage && e.State == repository.StateSuspect
		if e.Manifest == nil || e.Backup != set.Backup || e.Node != m.Node || !good {
			continue
		}
		level := snapshot.Level(set.Verify)
		if !e.Manifest.Proved().Covers(level) {
			err = m.Verify(ctx, own, e, level, report)
		}
		return e.Manifest, err
	}
	return m.take(ctx, own, set, report)
}

func (m *Machine) take(ctx context.Context, own *place.Repository, set step.SaveSettings, report step.Report) (*snapshot.Manifest, error) {
	man, err := m.Driver.Save(ctx, distro.SaveConfig{
		Store: own.Store(), ClusterID: m.ClusterID, Base: set.Base, Node: m.Node, Trigger: snapshot.Trigger(set.Trigger),
		Backup: set.Backup, Salvage: set.Salvage, Encoding: snapshot.EncodingRaw, Verify: snapshot.Level(set.Verify), Prover: m.Prover,
		MinFree: m.MinFree, SpoolDir: m.SpoolDir, Tool: m.Tool, Progress: progress(report), Log: m.Log,
	})
	if err != nil {
		err = repository.Explain("save a snapshot to", own.Location(""), err)
	}
	return man, err
}

// isDamage says whether an error is about the snapshot and not about the test of it.
func isDamage(err error) bool { return problem.KindOf(err) == problem.Damaged }
