package repository

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Owner is the marker that says which cluster may write to a repository (requirement T5). Reading needs none.
type Owner struct {
	Schema string `json:"schema"`
	// ClusterID is Holdfast's id of the cluster, which survives restores.
	ClusterID string    `json:"clusterID"`
	ClaimedAt time.Time `json:"claimedAt"`
	ClaimedBy string    `json:"claimedBy"`
}

const (
	ownerSchema = "holdfast.dev/owner/v1"
	ownerName   = snapshot.MetadataDir + "/holdfast-owner.json"
)

// Owner returns the repository's owner; nil when nobody owns it.
func (r *Repository) Owner(ctx context.Context) (*Owner, error) {
	return r.ownerOf(ctx, r.store)
}

func (r *Repository) ownerOf(ctx context.Context, store blob.Store) (*Owner, error) {
	data, err := (&Repository{store: store}).read(ctx, ownerName, maxManifest)
	if errors.Is(err, blob.ErrNotExist) || errors.Is(err, blob.ErrNoStore) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", store.Location(ownerName), err)
	}
	var o Owner
	if err := json.Unmarshal(data, &o); err != nil || o.ClusterID == "" || o.Schema != ownerSchema {
		return nil, &problem.Error{
			Kind: problem.Refused, Op: "read the owner of", Subject: store.Location(""),
			Why: ownerName + " is not a marker that this version understands", Err: err,
			Next: "look at the file; if no cluster uses this folder any more, remove the file",
		}
	}
	return &o, nil
}

// Claim makes sure that the cluster owns the repository, before anything is written to it. A folder that nobody owns,
// and that neither lies in nor holds an owned one, becomes the cluster's. takeOver takes it from another cluster on
// purpose; an overlap stays refused, because there would still be two owners.
func (r *Repository) Claim(ctx context.Context, clusterID string, takeOver bool) error {
	owner, err := r.Owner(ctx)
	if err != nil {
		return err
	}
	switch {
	case owner != nil && owner.ClusterID == clusterID:
		return nil
	case owner != nil && !takeOver:
		return r.ownedByOther(owner, clusterID)
	}
	if err := r.refuseOverlap(ctx); err != nil {
		return err
	}
	if err := r.putOwner(ctx, clusterID, owner == nil); err != nil {
		return err
	}
	// Somebody may have claimed at the same moment, here where the store can't decide a race, or a folder above or
	// below: what counts is what is there now.
	owner, err = r.Owner(ctx)
	if err != nil {
		return err
	}
	if owner == nil || owner.ClusterID != clusterID {
		return r.ownedByOther(owner, clusterID)
	}
	if err := r.refuseOverlap(ctx); err != nil {
		return errors.Join(err, r.store.Delete(ctx, ownerName))
	}
	return nil
}

func (r *Repository) putOwner(ctx context.Context, clusterID string, first bool) error {
	data, err := json.MarshalIndent(Owner{
		Schema: ownerSchema, ClusterID: clusterID, ClaimedAt: r.now().UTC(), ClaimedBy: r.host,
	}, "", "  ")
	if err != nil {
		return err
	}
	_, err = r.store.Put(ctx, ownerName, bytes.NewReader(append(data, '\n')), blob.PutOptions{
		ContentType: "application/json", SizeHint: int64(len(data) + 1), IfAbsent: first,
	})
	if errors.Is(err, blob.ErrExists) {
		return nil // Claim looks at who it is
	}
	if err != nil {
		return fmt.Errorf("claim %s: %w", r.Location(), err)
	}
	return nil
}

func (r *Repository) ownedByOther(owner *Owner, clusterID string) error {
	other := "another cluster"
	if owner != nil {
		other = "cluster " + owner.ClusterID
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "write to", Subject: r.Location(),
		Why: fmt.Sprintf("it belongs to %s, not to %s", other, clusterID),
		Next: "use a bucket or folder of its own for each cluster; " +
			"if this is the same cluster, or the other is gone for good, pass --take-over",
	}
}

// refuseOverlap looks for owners above and below this folder.
func (r *Repository) refuseOverlap(ctx context.Context) error {
	for _, above := range r.ancestors {
		owner, err := r.ownerOf(ctx, above)
		if errors.Is(err, blob.ErrDenied) {
			continue // credentials for this folder alone cannot tell; its owner's listing will not see us either
		}
		if err != nil {
			return err
		}
		if owner != nil {
			return r.overlap("above", above.Location(""), above.Location(ownerName), owner)
		}
	}
	found, err := r.scan(ctx)
	if errors.Is(err, blob.ErrNoStore) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, marker := range found.markers {
		if folder := strings.TrimSuffix(marker, "/"+ownerName); folder != marker {
			return r.overlap("below", r.store.Location(folder), r.store.Location(marker), r.ownerIn(ctx, marker))
		}
	}
	return nil
}

// ownerIn reads a marker of a folder below; nil when it cannot be read, which makes it no less a marker.
func (r *Repository) ownerIn(ctx context.Context, marker string) *Owner {
	data, err := r.read(ctx, marker, maxManifest)
	var o Owner
	if err != nil || json.Unmarshal(data, &o) != nil || o.ClusterID == "" {
		return nil
	}
	return &o
}

// overlap says which marker is in the way, whose it is, and both ways out.
func (r *Repository) overlap(where, folder, marker string, owner *Owner) error {
	whose, same := "somebody whom its marker does not name", ""
	if owner != nil {
		whose = "cluster " + owner.ClusterID
		same = "; if you are saving that cluster, use " + folder
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "write to", Subject: r.Location(),
		Why: fmt.Sprintf("a folder %s it, %s, belongs to %s, says %s", where, folder, whose, marker),
		Next: "use a folder that lies neither above nor below another one in use, such as one beside it" + same +
			"; if nobody uses it any more, remove that marker",
	}
}
