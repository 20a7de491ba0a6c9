package repository_test

import (
	"context"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// bucket is a store that keeps metadata: those of its payloads are given.
type bucket struct {
	blob.Store
	metadata map[string]string
}

func (b bucket) Features() blob.Features { return blob.Features{Metadata: true} }

func (b bucket) Stat(ctx context.Context, name string) (blob.Info, error) {
	info, err := b.Store.Stat(ctx, name)
	info.Metadata = b.metadata
	return info, err
}

func TestASnapshotThatWasCopiedIntoABucketKeepsItsManifest(t *testing.T) {
	const name = "on-demand-n-1652288934.db"
	for what, c := range map[string]struct {
		metadata map[string]string
		longer   int
		want     repository.State
	}{
		"uploaded by Holdfast":                 {map[string]string{snapshot.MetadataUploadID: "0123456789abcdef"}, 0, repository.StateComplete},
		"another upload of the name":           {map[string]string{snapshot.MetadataUploadID: "fedcba9876543210"}, 0, repository.StateUnverified},
		"copied without its metadata":          {nil, 0, repository.StateComplete},
		"another file that took its name over": {map[string]string{"k3s-node-name": "n"}, 512, repository.StateUnverified},
	} {
		s := localtest.New(t)
		store(t, s, name, snapshot.Schema)
		if c.longer > 0 {
			put(t, s, name, append(like(), make([]byte, c.longer)...))
		}
		list, err := listing(t, bucket{s, c.metadata})
		if err != nil || list[name].State != c.want {
			t.Errorf("%s: %q (%s), %v, want %s", what, list[name].State, list[name].Reason, err, c.want)
		}
	}
}
