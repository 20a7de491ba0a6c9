package s3

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
)

// takeBackTime bounds the removal of a failed upload's parts: the caller waits for it, also when its own context has
// ended.
const takeBackTime = 5 * time.Second

// takeBack removes the parts and returns why. What it cannot remove is left to Sweep.
//
// The connections of parts on their way are closed by now, but the server may not have noticed, and what it then
// writes can survive the abort. So it is looked whether the upload has gone, as Amazon advises, and aborted again.
func (u *upload) takeBack(ctx context.Context, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackTime)
	defer cancel()
	policy := retry.Policy{Initial: 50 * time.Millisecond, Max: time.Second, MaxElapsed: takeBackTime}
	err := policy.Do(ctx, func(ctx context.Context) error {
		if err := u.store.abort(ctx, u.name, u.key, u.id); err != nil {
			return err
		}
		return u.gone(ctx)
	})
	if err != nil {
		return fmt.Errorf("%w (and its parts are left on the server: %w)", why, err)
	}
	return why
}

// abort ends an upload. One that is not there is no error.
func (s *Store) abort(ctx context.Context, name, key, id string) error {
	err := s.call(ctx, abortOp, name, func(ctx context.Context) error {
		return s.core.AbortMultipartUpload(ctx, s.cfg.Bucket, key, id)
	})
	if is(err, "NoSuchUpload") {
		return nil
	}
	return err
}

// gone returns nil when the upload is not there, or when that cannot be seen.
func (u *upload) gone(ctx context.Context) error {
	err := u.store.call(ctx, abortOp, u.name, func(ctx context.Context) error {
		_, err := u.store.core.ListObjectParts(ctx, u.store.cfg.Bucket, u.key, u.id, 0, 1)
		return err
	})
	if err != nil {
		return nil //nolint:nilerr // gone, or not for us to see
	}
	return &Error{
		Op: abortOp, Location: u.store.Location(u.name), Endpoint: u.store.cfg.Endpoint,
		cause: errors.New("parts that were on their way have arrived since"), transient: true,
	}
}

func (s *Store) remember(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploads[id] = true
}

func (s *Store) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, id)
}

func (s *Store) isRunning(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uploads[id]
}
