// Package restoring holds the steps of a restore on one machine, in the order in which an operation asks for them:
// Preflight, ServeSnapshot, FetchSnapshot, Fence, StopDistro, MoveAside, RestoreEtcd, StartDistro, WaitHealthy, Commit.
// A machine that gets its data from the others has JoinEtcd in place of RestoreEtcd, while another one does AdmitMember
// before it and PromoteMember after it. Where etcd is part of a Kubernetes distribution, InstallDistro, WriteConfig and
// PointServer come between MoveAside and what makes the data.
//
// Each looks at the disk first, so that it can be done again after a death at any point. What can't be seen there, such as
// whether etcd ran before, is in notes that are durable before the effect begins. Nothing of the old data is deleted: it
// is moved or copied aside under the operation's uid. At the commit it is written down what lies where: see [Kept].
//
// The steps know a distro.Driver, and no distribution. Start reading at [Machine], and at aside.go for the undo set.
package restoring

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// Machine is what the steps need to know of the machine that they run on.
type Machine struct {
	Driver distro.Driver
	Places place.Places
	// Name of the Machine.
	Name string
	// StateDir is the agent's. Fetched snapshots lie below it.
	StateDir string
	SpoolDir string
	// Peers are the other machines' agents; nil where there are none, without a manager.
	Peers Peers
	// Secrets are those of operations; nil without a manager. SecretDir is where one is written that a program has to read:
	// a directory in memory, which is made when it is needed.
	Secrets   Secrets
	SecretDir string
	Now       func() time.Time
	Log       *slog.Logger
}

// Peers carries snapshots between machines.
type Peers interface {
	// URLs at which this machine serves what an operation offers.
	URLs(uid string) ([]string, error)
	// Fetch brings what another machine offers to a file, going on where an earlier call was cut, and returns the manifest
	// that was offered with it, nil if none. The bytes are compared with the SHA-256 that the other machine names.
	Fetch(ctx context.Context, url, machine, file string, report func(done, total int64)) (manifest []byte, err error)
}

// Make returns the step of one of this package's kinds, or step.ErrUnknownKind.
func (m *Machine) Make(r step.Request) (step.Step, error) {
	if m.Driver == nil {
		return nil, fmt.Errorf("%s: %w", r.Kind, distro.ErrNotInstalled)
	}
	base := base{Machine: m, notes: notes{r.Dir}, op: r.Operation, uid: r.Operation.UID}
	switch r.Kind {
	case step.Preflight:
		s := &preflight{base: base}
		return s, r.Decode(&s.settings)
	case step.ServeSnapshot:
		s := &serve{base: base}
		return s, r.Decode(&s.settings)
	case step.FetchSnapshot:
		s := &fetch{base: base}
		return s, r.Decode(&s.settings)
	case step.Fence:
		return &fence{base}, nil
	case step.StopDistro:
		return &stop{base}, nil
	case step.MoveAside:
		return &moveAside{base}, nil
	case step.RestoreEtcd:
		s := &restore{base: base}
		return s, r.Decode(&s.settings)
	case step.InstallDistro:
		s := &install{kubernetes: kubernetes{base}}
		return s, r.Decode(&s.settings)
	case step.WriteConfig:
		s := &configure{kubernetes: kubernetes{base}}
		return s, r.Decode(&s.settings)
	case step.PointServer:
		s := &point{kubernetes: kubernetes{base}}
		return s, r.Decode(&s.settings)
	case step.ForgetNodes:
		s := &forget{base: base}
		return s, r.Decode(&s.settings)
	case step.AdmitMember:
		s := &admit{base: base}
		return s, r.Decode(&s.settings)
	case step.JoinEtcd:
		s := &join{base: base}
		return s, r.Decode(&s.settings)
	case step.PromoteMember:
		s := &promote{base: base}
		return s, r.Decode(&s.settings)
	case step.StartDistro:
		return &start{base}, nil
	case step.WaitHealthy:
		s := &wait{base: base}
		return s, r.Decode(&s.settings)
	case step.Commit:
		s := &commit{base: base}
		return s, r.Decode(&s.settings)
	}
	return nil, step.ErrUnknownKind
}

// base is what all steps share. By itself it neither checks nor undoes anything.
type base struct {
	*Machine
	notes notes
	op    v1alpha1.PlanOperation
	uid   string
}

// Check implements step.Step.
func (base) Check(context.Context) error { return nil }

// Undo implements step.Step.
func (base) Undo(context.Context, step.Report) error { return nil }

// fetchedDir holds the operation's snapshot.
func (b base) fetchedDir() string { return filepath.Join(b.StateDir, "restore", b.uid) }

// what runs on this machine, for whoever reads of it.
func (b base) what() string {
	if _, ok := b.Driver.(distro.Kubernetes); ok {
		return "Kubernetes"
	}
	return "etcd"
}

// requireStopped refuses to touch the files of what runs.
func (b base) requireStopped(ctx context.Context) error {
	running, err := b.Driver.Running(ctx)
	if err == nil && running {
		err = fmt.Errorf("%s runs: its data can't be touched", b.what())
	}
	return err
}
