package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Requests that a listing has under way at once.
const listParallel = 8

// A manifest is a few KiB; what claims to be one and is larger is not read.
const maxManifest = 1 << 20

// List rebuilds the catalogue, newest first. One snapshot that cannot be understood never hides the others.
func (r *Repository) List(ctx context.Context) ([]Entry, error) {
	found, err := r.scan(ctx)
	if err != nil {
		return nil, err // it says what and where
	}
	entries := make([]*Entry, len(found.payloads))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(listParallel)
	for i, info := range found.payloads {
		group.Go(func() error {
			e, err := r.describe(ctx, info, found)
			entries[i] = e
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("list %s: %w", r.Location(), err)
	}
	var list []Entry
	for _, e := range entries {
		if e != nil {
			list = append(list, *e)
		}
	}
	groupForeign(list)
	slices.SortFunc(list, func(a, b Entry) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.File, b.File)
	})
	return list, nil
}

// scanned is what one listing of the store shows, sorted into what matters.
type scanned struct {
	payloads []blob.Info
	// manifests, sidecars and escrows by the payload's name.
	manifests map[string][]string
	sidecars  map[string]string
	escrows   map[string][]string
	// foreign are the records of tests of adopted snapshots, by the payload's name.
	foreign map[string][]string
	// markers are the owner markers, of this folder and of those below it.
	markers []string
	// described: something lies in the folder of metadata.
	described bool
}

func (r *Repository) scan(ctx context.Context) (*scanned, error) {
	s := &scanned{
		manifests: map[string][]string{}, sidecars: map[string]string{}, escrows: map[string][]string{}, foreign: map[string][]string{},
	}
	err := r.store.List(ctx, "", func(info blob.Info) error {
		file, _, isManifest := snapshot.ParseManifestName(info.Name)
		escrowed, _, isEscrow := snapshot.ParseEscrowName(info.Name)
		adopted, isForeign := snapshot.ParseForeignName(info.Name)
		rest, isMetadata := strings.CutPrefix(info.Name, snapshot.MetadataDir+"/")
		s.described = s.described || isMetadata
		switch {
		case isManifest:
			s.manifests[file] = append(s.manifests[file], info.Name)
		case isEscrow:
			s.escrows[escrowed] = append(s.escrows[escrowed], info.Name)
		case isForeign:
			s.foreign[adopted] = append(s.foreign[adopted], info.Name)
		case strings.HasSuffix(info.Name, "/"+ownerName):
			s.markers = append(s.markers, info.Name)
		case isMetadata:
			s.sidecars[rest] = info.Name
		case snapshot.CouldBePayload(info.Name, info.Size):
			s.payloads = append(s.payloads, info)
		case len(s.manifests[info.Name]) > 0:
			// A payload of ours that was cut short no longer looks like one, and must not vanish from the list. (The
			// listing is in byte order, so manifests come first: payloads of ours begin with a letter or digit.)
			s.payloads = append(s.payloads, info)
		}
		return nil
	})
	if err != nil || s.described {
		return s, err
	}
	// A folder that may not be read is passed over: it is no news of ours unless it is this one.
	return s, r.store.List(ctx, snapshot.MetadataDir+"/", func(blob.Info) error { return nil })
}

// entry is what the listing alone tells of an object.
func (s *scanned) entry(info blob.Info) *Entry {
	return &Entry{
		File: info.Name, Info: info, manifests: s.manifests[info.Name], foreign: s.foreign[info.Name], sidecar: s.sidecars[info.Name],
		escrows: s.escrows[info.Name],
	}
}

// describe returns nil for an object that is no snapshot.
func (r *Repository) describe(ctx context.Context, info blob.Info, found *scanned) (*Entry, error) {
	e := found.entry(info)
	known, err := r.bind(ctx, e)
	if err == nil && !known {
		e, err = r.adopt(ctx, e)
	}
	switch {
	case errors.Is(err, blob.ErrNotExist):
		return nil, nil // deleted since the listing began
	case errors.Is(err, blob.ErrDenied):
		return unreadable(info, found, err), nil // this one alone: see List
	}
	return e, err
}

// unreadable is an object that cannot be looked into, for a reason that stays: nobody can tell what it is worth.
func unreadable(info blob.Info, found *scanned, err error) *Entry {
	e := found.entry(info)
	e.guess()
	e.State, e.Reason = StateUnverified, err.Error()
	if len(e.manifests) > 0 {
		e.Maker = MakerHoldfast
	}
	return e
}

// bind finds the manifest that belongs to exactly this upload of the payload.
func (r *Repository) bind(ctx context.Context, e *Entry) (bool, error) {
	if len(e.manifests) == 0 {
		return false, nil
	}
	uploadID := ""
	if r.keepsMetadata() {
		info, err := r.store.Stat(ctx, e.File)
		if err != nil {
			return false, err
		}
		e.Info, uploadID = info, info.Metadata[snapshot.MetadataUploadID]
	}
	// A payload without an id was copied here by a tool that keeps no metadata, from a directory for example. It is bound
	// as it would be there, unless its size says that the manifest is of another.
	copied := r.keepsMetadata() && uploadID == ""
	var damage, other error
	for _, name := range e.manifests {
		_, id, _ := snapshot.ParseManifestName(name)
		if uploadID != "" && id != uploadID {
			continue
		}
		m, err := r.readManifest(ctx, name)
		switch {
		case err == nil && copied && m.Stored.Size != e.Info.Size:
		case errors.Is(err, blob.ErrNotExist):
		case errors.Is(err, snapshot.ErrManifest) || err == nil && (m.File != e.File || m.UploadID != id):
			damage = fmt.Errorf("%s: %w", name, snapshot.ErrManifest)
		case errors.Is(err, snapshot.ErrSchema):
			other = fmt.Errorf("%s: %w", name, err)
		case err != nil:
			return false, err
		case e.Manifest == nil || m.Created.After(e.Manifest.Created):
			e.Manifest = m
		}
	}
	switch {
	case e.Manifest != nil:
		e.take(e.Manifest)
		return true, nil
	case damage != nil:
		e.guess()
		e.Maker, e.State, e.Reason = MakerHoldfast, StateDamaged, damage.Error()
		return true, nil
	case other != nil:
		e.guess()
		e.Maker, e.State, e.Reason, e.newer = MakerHoldfast, StateUnverified, other.Error(), true
		return true, nil
	}
	return false, nil
}

func (r *Repository) keepsMetadata() bool {
	f, ok := r.store.(blob.Featured)
	return ok && f.Features().Metadata
}

// take fills in what a manifest says.
func (e *Entry) take(m *snapshot.Manifest) {
	e.Maker, e.Base, e.Node, e.Created, e.Trigger = MakerHoldfast, m.Name, m.Node, m.Created, m.Trigger
	e.Cluster, e.Backup, e.Encoding = m.ClusterID, m.Backup, m.Stored.Encoding
	e.Escrow = slices.Contains(e.escrows, snapshot.EscrowName(m.File, m.UploadID))
	e.State, e.Reason = stateOf(m)
	if e.Info.Size != m.Stored.Size {
		e.State = StateDamaged
		e.Reason = fmt.Sprintf("it has %d bytes, its manifest says %d", e.Info.Size, m.Stored.Size)
	}
}

func (r *Repository) readManifest(ctx context.Context, name string) (*snapshot.Manifest, error) {
	data, err := r.read(ctx, name, maxManifest)
	if err != nil {
		return nil, err
	}
	return snapshot.DecodeManifest(data)
}

// read fetches a small object whole.
func (r *Repository) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	body, err := r.store.Get(ctx, name, 0, -1, "")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, limit))
}
