package saving

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// target opens the cluster's folder and makes sure that it is the cluster's.
func (m *Machine) target(ctx context.Context) (*place.Repository, error) {
	target, err := m.Places.Target()
	if err != nil {
		return nil, err
	}
	if err := target.Claim(ctx, m.ClusterID, false); err != nil {
		return nil, errors.Join(repository.Explain("copy a snapshot to", target.Location(""), err), target.Close())
	}
	return target, nil
}

// copy brings a local snapshot to the target: in the form of the distribution, where it has one, else compressed. It returns
// the copy with an error when that is there, but not what belongs beside it.
func (m *Machine) copy(ctx context.Context, own *place.Repository, man *snapshot.Manifest, report step.Report) (*v1alpha1.SnapshotFile, error) {
	target, err := m.target(ctx)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	info, err := own.Store().Stat(ctx, man.File)
	if err != nil {
		return nil, err
	}
	cfg := snapshot.CopyConfig{
		Source: snapshot.StoreSource(own.Store(), info), Manifest: man, Store: target.Store(), Encoding: snapshot.EncodingZstd,
		SpoolDir: m.SpoolDir, Tool: m.Tool, Host: m.Places.Host, Now: m.Now, Progress: progress(report),
	}
	remote, err := m.remote(ctx, man.File)
	if err != nil {
		return nil, err
	}
	if remote != nil {
		cfg.Encoding, cfg.File, cfg.Metadata = snapshot.EncodingRaw, man.File, remote.Metadata
	}
	copied, err := snapshot.Copy(ctx, cfg)
	if err == nil {
		err = putSidecar(ctx, target, man.File, remote)
	}
	if err != nil {
		return nil, repository.Explain("copy a snapshot to", target.Location(""), err)
	}
	file := target.Saved(copied, m.Name)
	return &file, m.putEscrow(ctx, target, copied)
}

// remote is the distribution's form of a copy; nil where it has none.
func (m *Machine) remote(ctx context.Context, file string) (*distro.Remote, error) {
	up, ok := m.Driver.(distro.Uploader)
	if !ok {
		return nil, nil
	}
	r, err := up.Remote(ctx, file)
	return &r, err
}

func putSidecar(ctx context.Context, target *place.Repository, file string, remote *distro.Remote) error {
	if remote == nil || len(remote.Sidecar) == 0 {
		return nil
	}
	name := snapshot.MetadataDir + "/" + file
	_, err := target.Store().Put(ctx, name, bytes.NewReader(remote.Sidecar), blob.PutOptions{SizeHint: int64(len(remote.Sidecar))})
	if err != nil {
		return fmt.Errorf("store %s: %w", target.Location(name), err)
	}
	return nil
}

// CopyForeign brings a snapshot that the distribution took by itself to the target, as it is, with what tests of it have
// shown. One that is there already, by its name and size, is left alone.
func (m *Machine) CopyForeign(ctx context.Context, own *place.Repository, e repository.Entry) error {
	target, err := m.target(ctx)
	if err != nil {
		return err
	}
	defer target.Close()
	there, err := target.Store().Stat(ctx, e.File)
	if err == nil && there.Size == e.Info.Size {
		return repository.Explain("copy a snapshot to", target.Location(""), escrowThere(ctx, own, target, e))
	}
	if err != nil && !errors.Is(err, blob.ErrNotExist) {
		return repository.Explain("copy a snapshot to", target.Location(""), err)
	}
	return repository.Explain("copy a snapshot to", target.Location(""), m.copyForeign(ctx, own, target, e))
}

func (m *Machine) copyForeign(ctx context.Context, own, target *place.Repository, e repository.Entry) error {
	remote, err := m.remote(ctx, e.File)
	if err != nil {
		return err
	}
	opts := blob.PutOptions{SizeHint: e.Info.Size}
	if remote != nil {
		opts.Metadata = remote.Metadata
	}
	if e.Encoding == snapshot.EncodingZip {
		opts.ContentType = "application/zip"
	}
	body, err := own.Store().Get(ctx, e.File, 0, -1, e.Info.Version)
	if err != nil {
		return err
	}
	defer body.Close()
	info, err := target.Store().Put(ctx, e.File, body, opts)
	if err != nil {
		return err
	}
	if err := putSidecar(ctx, target, e.File, remote); err != nil || e.Foreign == nil {
		return err
	}
	shown := &snapshot.Verified{Database: e.Foreign.Database, Encoding: e.Encoding}
	for _, test := range e.Foreign.Evidence {
		if test.Level != snapshot.LevelRestore && test.Outcome == snapshot.OutcomePassed {
			test.Reason = "the same bytes as " + own.Location(e.File)
			shown.Evidence = append(shown.Evidence, test)
		}
	}
	copied := &repository.Entry{File: e.File, Info: info, Encoding: e.Encoding}
	if err := target.RecordForeign(ctx, copied, shown); err != nil {
		return err
	}
	return copyEscrow(ctx, own, target, &e, copied)
}

// escrowThere gives a copy that is there already the escrow that the snapshot got since.
func escrowThere(ctx context.Context, own, target *place.Repository, e repository.Entry) error {
	if !e.Escrow {
		return nil
	}
	found, err := target.FindWhole(ctx, []string{e.File})
	if err != nil || found[0].Escrow || found[0].Manifest != nil {
		return err
	}
	return copyEscrow(ctx, own, target, &e, &found[0])
}
