package trial

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// A single answer must come within this time; the whole trial has its own limit.
const answerTimeout = 30 * time.Second

// ask waits for the etcd at endpoint and compares its answers with the snapshot: revision, content hash, number of
// keys; then it writes. It returns the etcd's version.
func ask(ctx context.Context, endpoint string, want *snapshot.Restored) (string, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint}, DialTimeout: answerTimeout, Logger: zap.NewNop(), Context: ctx,
	})
	if err != nil {
		return "", err
	}
	defer client.Close()
	t := &talk{client: client, endpoint: endpoint, want: want}
	status, err := t.wait(ctx)
	if err != nil {
		return "", err
	}
	if err := t.revision(status.Header.Revision); err != nil {
		return "", err
	}
	for _, check := range []func(context.Context) error{t.hash, t.count, t.write} {
		if err := check(ctx); err != nil {
			return "", err
		}
	}
	return status.Version, nil
}

func mismatch(what string, got, want any) error {
	return fmt.Errorf("%w: the etcd that serves it answers %s %v, the snapshot has %v", snapshot.ErrDamaged, what, got, want)
}

type talk struct {
	client   *clientv3.Client
	endpoint string
	want     *snapshot.Restored
}

// wait polls until the etcd has a leader and answers, or ctx ends.
func (t *talk) wait(ctx context.Context) (*clientv3.StatusResponse, error) {
	for {
		status, err := within(ctx, func(ctx context.Context) (*clientv3.StatusResponse, error) {
			return t.client.Status(ctx, t.endpoint)
		})
		if err == nil && status.Leader != 0 {
			return status, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// revision compares the revision. Leases go on in the trial: one that ends deletes its keys, in new revisions, and all
// that is compared is therefore asked for at the snapshot's own.
func (t *talk) revision(got int64) error {
	if got < t.want.Revision || got > t.want.Revision && t.want.Snapshot.Leases == 0 {
		return mismatch("revision", got, t.want.Revision)
	}
	return nil
}

// hash compares the content hash. An etcd that has to finish a compaction first answers with the older compaction
// revision for a moment.
func (t *talk) hash(ctx context.Context) error {
	if t.want.Snapshot.HashKV == nil {
		return nil
	}
	for {
		got, err := within(ctx, func(ctx context.Context) (*clientv3.HashKVResponse, error) {
			return t.client.HashKV(ctx, t.endpoint, t.want.Snapshot.Revision)
		})
		if err != nil {
			return fmt.Errorf("ask for the content hash: %w", err)
		}
		if got.CompactRevision == t.want.Snapshot.CompactRevision || got.CompactRevision == -1 && t.want.Snapshot.CompactRevision == 0 {
			if got.Hash != *t.want.Snapshot.HashKV {
				return mismatch("content hash", got.Hash, *t.want.Snapshot.HashKV)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return mismatch("compact revision", got.CompactRevision, t.want.Snapshot.CompactRevision)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// count compares the number of keys.
func (t *talk) count(ctx context.Context) error {
	got, err := within(ctx, func(ctx context.Context) (*clientv3.GetResponse, error) {
		return t.client.Get(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly(), clientv3.WithRev(t.want.Snapshot.Revision))
	})
	switch {
	case err != nil:
		return fmt.Errorf("count the keys: %w", err)
	case got.Count != t.want.Snapshot.Keys:
		return mismatch("number of keys", got.Count, t.want.Snapshot.Keys)
	}
	return nil
}

func (t *talk) write(ctx context.Context) error {
	const key = "holdfast/trial"
	_, err := within(ctx, func(ctx context.Context) (*clientv3.PutResponse, error) { return t.client.Put(ctx, key, "") })
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	return nil
}

func within[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return call(ctx)
}
