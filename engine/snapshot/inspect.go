package snapshot

import (
	"context"
	"os"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
)

// finding is what reading a database file showed.
type finding struct {
	head mvcc.Head
	// content is nil when only the head was read.
	content *mvcc.Content
}

// inspect reads a bare database of size bytes at the start of file: all of it (full), or only what it says of itself.
func inspect(ctx context.Context, file *os.File, size int64, full bool, progress Progress) (*finding, error) {
	db, err := mvcc.Open(file, size)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if !full {
		head, err := db.Head(ctx)
		return &finding{head: head}, err
	}
	progress.report(PhaseCheck, 0, size)
	content, err := db.Content(ctx)
	if err != nil {
		return nil, err
	}
	progress.report(PhaseCheck, size, size)
	return &finding{head: content.Head, content: &content}, nil
}

// fill describes the database in a manifest.
func (f *finding) fill(d *Database) {
	d.PageSize = f.head.PageSize
	d.Revision, d.CompactRevision = f.head.Revision, f.head.CompactRevision
	d.Leases = f.head.Leases
	d.StorageVersion, d.ClusterVersion = f.head.StorageVersion, f.head.ClusterVersion
	if f.content == nil {
		return
	}
	hash := f.content.HashKV
	d.HashKV = &hash
	d.Records, d.Keys = f.content.Records, f.content.LiveKeys
	d.InUse = f.content.Structure.BytesInUse
}
