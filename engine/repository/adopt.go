package repository

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// adopt looks whether an object without a manifest is a snapshot that somebody else made, or that we published in the
// moment before a crash. It returns nil when it is none.
func (r *Repository) adopt(ctx context.Context, e *Entry) (*Entry, error) {
	head, err := r.head(ctx, e.File, e.Info.Size)
	if errors.Is(err, blob.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	encoding, ok := snapshot.Sniff(e.File, head)
	if !ok {
		return nil, nil
	}
	e.Encoding, e.State = encoding, StateUnverified
	e.Reason = "no manifest: only its own checksum can vouch for it (holdfast repo verify)"
	e.guess()
	if r.keepsMetadata() {
		if err := r.readHeaders(ctx, e); err != nil {
			return nil, err
		}
	}
	return e, r.recall(ctx, e)
}

func (r *Repository) head(ctx context.Context, name string, size int64) ([]byte, error) {
	body, err := r.store.Get(ctx, name, 0, min(size, snapshot.SniffSize(name)), "")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// guess reads the file's name.
func (e *Entry) guess() {
	e.Created, e.Trigger = e.Info.ModTime.UTC(), snapshot.TriggerManual
	if rke, ok := snapshot.ParseRKEFile(e.File); ok {
		e.Maker, e.Base, e.Created, e.Cluster = MakerRKE, e.File, rke.Time, rke.ClusterID
		if rke.Recurring {
			e.Trigger = snapshot.TriggerRecurring
		}
		return
	}
	stem, extension := snapshot.SplitExtension(e.File)
	e.Base = stem
	prefix, at, timed := snapshot.ParseStem(stem)
	if timed {
		e.Base, e.Node = snapshot.SplitNode(prefix)
		e.Created = at
	}
	for _, t := range snapshot.Triggers {
		if e.Base == t.Base() {
			e.Trigger = t
		}
	}
	switch {
	case e.Encoding == snapshot.EncodingRKE:
		e.Maker = MakerRKE
	case e.Encoding == snapshot.EncodingZip, timed && extension == "":
		e.Maker = MakerK3s
	case timed:
		e.Maker = MakerHoldfast
	default:
		e.Maker = MakerEtcdctl
	}
}

// readHeaders takes cluster and node from the metadata that k3s and rke2 give to the objects they upload.
func (r *Repository) readHeaders(ctx context.Context, e *Entry) error {
	info, err := r.store.Stat(ctx, e.File)
	if errors.Is(err, blob.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if e.Cluster == "" {
		e.Cluster = cmp.Or(info.Metadata["k3s-cluster-id"], info.Metadata["rke2-cluster-id"])
	}
	node := cmp.Or(info.Metadata["k3s-node-name"], info.Metadata["rke2-node-name"], info.Metadata[snapshot.MetadataNode])
	if node == "" {
		return nil
	}
	stem, _ := snapshot.SplitExtension(e.File)
	if prefix, _, ok := snapshot.ParseStem(stem); ok && len(prefix) > len(node)+1 && prefix[len(prefix)-len(node)-1:] == "-"+node {
		e.Base, e.Node = prefix[:len(prefix)-len(node)-1], node
	}
	return nil
}

// Foreign snapshots of one base name that were taken within this time count as one backup: the nodes of a cluster run
// the same schedule, each on its own clock.
const sameBackup = 5 * time.Minute

// groupForeign gives each foreign snapshot the backup that it belongs to.
func groupForeign(list []Entry) {
	byTime := make([]*Entry, 0, len(list))
	for i := range list {
		if list[i].Backup == "" {
			byTime = append(byTime, &list[i])
		}
	}
	slices.SortFunc(byTime, func(a, b *Entry) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Base, b.Base), a.Created.Compare(b.Created))
	})
	var first *Entry
	seen := map[string]bool{}
	for _, e := range byTime {
		// A second file of one node is the next backup, however soon it came.
		if first == nil || e.Cluster != first.Cluster || e.Base != first.Base ||
			e.Created.Sub(first.Created) > sameBackup || e.Node == "" || seen[e.Node] {
			first = e
			clear(seen)
		}
		seen[e.Node] = true
		e.Backup = first.File
	}
}
