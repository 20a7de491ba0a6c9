package agent

import (
	"context"
	"errors"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/place"
)

// maxFiles is how many files the API takes in one inventory.
const maxFiles = 1000

// inventory lists what this machine holds, and what it has copied to S3. When S3 does not answer, what was known of it
// stays, and whole is false: not to be reachable is not to be gone.
func (a *Agent) inventory(ctx context.Context, o orders, last v1alpha1.MachineInventoryStatus) (out v1alpha1.MachineInventoryStatus, whole bool, err error) {
	whole = true
	places := a.places(o)
	files, err := a.own(ctx, places)
	if err != nil {
		return out, false, err
	}
	if places.S3 != nil {
		copies, err := a.copies(ctx, places)
		if err != nil {
			a.cfg.Log.Warn("the S3 folder could not be listed", "error", err)
			whole = false
			copies = slices.DeleteFunc(slices.Clone(last.Files), func(f v1alpha1.SnapshotFile) bool { return f.Location[0] == '/' })
		}
		files = append(files, copies...)
	}
	slices.SortStableFunc(files, func(x, y v1alpha1.SnapshotFile) int { return y.Created.Compare(x.Created.Time) })
	now := metav1.NewTime(a.cfg.Now())
	out.Scanned, out.Count = &now, int32(len(files))
	out.Files = files[:min(len(files), maxFiles)]
	place.OncePerConfig(out.Files)
	a.metrics.sawFiles(files)
	return out, whole, nil
}

// own are the files on this machine.
func (a *Agent) own(ctx context.Context, places place.Places) ([]v1alpha1.SnapshotFile, error) {
	own, err := places.Local()
	if errors.Is(err, place.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer own.Close()
	return a.files(ctx, own, func(repository.Entry) bool { return true })
}

func (a *Agent) copies(ctx context.Context, places place.Places) ([]v1alpha1.SnapshotFile, error) {
	target, err := places.Target()
	if err != nil {
		return nil, err
	}
	defer target.Close()
	node := a.node()
	return a.files(ctx, target, func(e repository.Entry) bool { return e.Node == node })
}

func (a *Agent) files(ctx context.Context, r *place.Repository, mine func(repository.Entry) bool) ([]v1alpha1.SnapshotFile, error) {
	entries, err := r.List(ctx)
	if err != nil {
		return nil, repository.Explain("list", r.Location(""), err)
	}
	var files []v1alpha1.SnapshotFile
	for _, e := range entries {
		if mine(e) {
			files = append(files, r.File(e, a.name))
		}
	}
	return files, nil
}
