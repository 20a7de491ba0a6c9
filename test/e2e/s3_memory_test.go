package e2e

import (
	"errors"
	"io"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/ranged"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// zeros is a content of some size that takes no memory.
func zeros(size int64) io.Reader { return io.LimitReader(zero{}, size) }

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestMemoryDoesNotGrowWithWhatIsMoved(t *testing.T) {
	const size, most = 300 << 20, 40 << 20
	s := servertest.VersityGW(t, server.S3Config{}).S3
	s3Bucketed(t, s, false)
	cfg := s3Settings(s)
	cfg.PartSize = 0 // as in use
	store := retry.New(s3Open(t, cfg), retry.Config{})
	var info blob.Info
	for what, work := range map[string]func() error{
		"upload of unknown size": func() (err error) {
			info, err = store.Put(t.Context(), "a", zeros(size), blob.PutOptions{})
			return err
		},
		"upload of known size": func() (err error) {
			info, err = store.Put(t.Context(), "a", zeros(size), blob.PutOptions{SizeHint: size})
			return err
		},
	} {
		checkPeak(t, what, most, work)
	}
	checkPeak(t, "download in parallel", most, func() error {
		r, err := ranged.NewReader(t.Context(), store, info, ranged.Config{})
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, r)
		if n != size {
			err = errors.Join(err, io.ErrShortWrite)
		}
		return errors.Join(err, r.Close())
	})
}

func checkPeak(t *testing.T, what string, most uint64, work func() error) {
	t.Helper()
	peak := blobtest.PeakHeap(t, func() {
		if err := work(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	})
	t.Logf("%s: %d MiB at most", what, peak>>20)
	if peak > most {
		t.Errorf("%s held %d MiB, want at most %d", what, peak>>20, most>>20)
	}
}

func BenchmarkS3(b *testing.B) {
	const size = 256 << 20
	m := servertest.MinIO(b, server.S3Config{})
	if err := m.MakeBucket(b.Context(), s3Bucket, false); err != nil {
		b.Fatal(err)
	}
	cfg := s3Settings(m.S3)
	cfg.PartSize = 0
	store := s3Open(b, cfg)
	var info blob.Info
	b.Run("Put", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			var err error
			if info, err = store.Put(b.Context(), "a", zeros(size), blob.PutOptions{SizeHint: size}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Get", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			r, err := store.Get(b.Context(), "a", 0, -1, "")
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); errors.Join(err, r.Close()) != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Ranged", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			r, err := ranged.NewReader(b.Context(), store, info, ranged.Config{})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); errors.Join(err, r.Close()) != nil {
				b.Fatal(err)
			}
		}
	})
}
