package fleet_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// bucket of the tests, in which the cluster has a folder.
const bucket, folder = "backups", "fleet/prod"

func TestAScheduleGoesOnWithoutTheManagerAndCopiesToS3(t *testing.T) {
	t.Parallel()
	w, minio := newScheduledWorld(t, 1)
	w.awaitSnapshots(t, "recurring", 1)

	do(t, w.StopManager())
	before := payloads(t, minio)
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, "two more periods", func(ctx context.Context) error {
		if n := len(payloads(t, minio)); n < len(before)+2 {
			return fmt.Errorf("%d objects", n)
		}
		return nil
	}))
	do(t, w.StartManager(t.Context()))

	w.awaitSnapshots(t, "recurring", len(before)+2)
	all, err := w.Snapshots(t.Context(), name)
	do(t, err)
	for _, s := range all {
		if !hasS3Copy(s) {
			t.Errorf("%s has copies %+v", s.Name, s.Status.Copies)
		}
	}
	noneMissed(t, payloads(t, minio))
}

// noneMissed checks that snapshots which are due every minute were all taken. Each is late by the machine's part of the
// jitter, which stays the same, and by what the machine is busy.
func noneMissed(t *testing.T, files []string) {
	t.Helper()
	var taken []int
	for _, f := range files {
		taken = append(taken, unix(t, f))
	}
	slices.Sort(taken)
	for i := range taken[1:] {
		if taken[i+1]-taken[i] > 100 {
			t.Errorf("between %d and %d one was missed: %v", taken[i], taken[i+1], taken)
		}
	}
}

// newScheduledWorld is saved every minute, into a MinIO with a private authority.
func newScheduledWorld(t *testing.T, members int) (*world, *server.MinIO) {
	t.Helper()
	var minio *server.MinIO
	w := newWorld(t, plan{members: members, flags: func(l *lab.Lab) (flags []string) {
		flags, minio = s3Flags(t, l)
		return append(flags, "--cron", "* * * * *", "--retention", "20")
	}})
	return w, minio
}

// s3Flags name a folder in a MinIO of its own with a private authority.
func s3Flags(t *testing.T, l *lab.Lab) ([]string, *server.MinIO) {
	t.Helper()
	minio := servertest.MinIO(t, server.S3Config{Host: l.HostAddress})
	do(t, minio.MakeBucket(t.Context(), bucket, false))
	keys := filepath.Join(t.TempDir(), "keys")
	do(t, os.WriteFile(keys, fmt.Appendf(nil, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", minio.Root.AccessKey, minio.Root.SecretKey), 0o600))
	return []string{
		"--target", "s3://" + bucket + "/" + folder, "--s3-endpoint", hostOf(t, minio), "--s3-region", server.Region,
		"--s3-ca-file", minio.CAFile, "--s3-credentials-file", keys, "--s3-bucket-lookup", "path",
	}, minio
}

// hostOf a server, with its port.
func hostOf(t *testing.T, m *server.MinIO) string {
	t.Helper()
	endpoint, err := url.Parse(m.Endpoint)
	do(t, err)
	return endpoint.Host
}

// payloads are the snapshots in the bucket, without what describes them.
func payloads(t *testing.T, m *server.MinIO) []string {
	t.Helper()
	all, err := m.Objects(t.Context(), bucket, folder)
	do(t, err)
	return slices.DeleteFunc(all, func(name string) bool { return strings.Contains(name, "/.metadata/") })
}

func hasS3Copy(s v1alpha1.EtcdSnapshot) bool {
	return slices.ContainsFunc(s.Status.Copies, func(c v1alpha1.SnapshotCopy) bool { return strings.HasPrefix(c.Location, "s3://") })
}
