package snapshot

import (
	"context"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// usualRatio is how much smaller databases usually become. One that does not can still fill a disk; then the write
// fails and is taken back.
const usualRatio = 4

// What a payload's own metadata says, where the store keeps metadata.
const (
	MetadataUploadID = "holdfast-upload-id"
	MetadataNode     = "holdfast-node"
)

// upload encodes the spool into the repository, following it while it grows. When it returns nothing reads the spool
// any more.
func (s *saver) upload(ctx context.Context, stored hash.Hash, size int64) (blob.Info, error) {
	read, write := io.Pipe()
	stem, _ := SplitExtension(s.manifest.File)
	ctx, cancel := context.WithCancel(ctx)
	var encoder sync.WaitGroup
	encoder.Go(func() {
		progress := &countingReader{r: s.tail.reader(ctx), total: size, progress: s.Progress}
		write.CloseWithError(encode(write, progress, s.Encoding, stem, s.manifest.Created))
	})
	defer func() { // when Put gave up early the encoder may be waiting for either side
		read.Close()
		cancel()
		encoder.Wait()
	}()
	info, err := s.Store.Put(ctx, s.manifest.File, io.TeeReader(read, stored), blob.PutOptions{
		IfAbsent: true,
		SizeHint: size,
		Metadata: map[string]string{MetadataUploadID: s.manifest.UploadID, MetadataNode: s.Node},
	})
	if err != nil {
		return info, fmt.Errorf("store %s: %w", s.Store.Location(s.manifest.File), err)
	}
	return info, nil
}

// countingReader reports how much of the spool has been uploaded.
type countingReader struct {
	r        io.Reader
	n, total int64
	progress Progress
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.progress.report(PhaseUpload, c.n, c.total)
	return n, err
}
