// Package retry repeats what a store can safely be asked twice.
//
// It is the only place above a store that does, so that retries do not multiply: Stat, List, Delete, Get and Sweep are
// repeated; Put is not, because its stream cannot be read again, and a store repeats its parts itself. A broken Get
// goes on at the byte it had reached, of the same version.
//
// The package must not know which store it wraps. Start reading at [New]; policy.go has the waiting, transient.go the
// decision which errors are worth it.
package retry

import (
	"context"
	"io"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/internal/forward"
)

// Config tunes the decorator.
type Config struct {
	Policy
}

type store struct {
	blob.Store
	policy Policy
}

// New wraps a store. What it returns is a Stager or a Janitor if the store is one.
func New(inner blob.Store, cfg Config) blob.Store {
	s := &store{Store: inner, policy: cfg.Policy}
	janitor := forward.Janitor(inner)
	if janitor != nil {
		janitor = &patient{janitor, cfg.Policy}
	}
	return forward.Optional(s, forward.Stager(inner), janitor)
}

// patient is a janitor that begins again after a failure: what is gone does not come back.
type patient struct {
	blob.Janitor
	policy Policy
}

// Sweep counts what all its attempts removed.
func (p *patient) Sweep(ctx context.Context, olderThan time.Duration) (removed int, err error) {
	err = p.policy.Do(ctx, func(ctx context.Context) error {
		n, err := p.Janitor.Sweep(ctx, olderThan)
		removed += n
		return err
	})
	return removed, err
}

// Features are the store's own.
func (s *store) Features() blob.Features { return forward.Features(s.Store) }

// Stat describes one object.
func (s *store) Stat(ctx context.Context, name string) (info blob.Info, err error) {
	err = s.policy.Do(ctx, func(ctx context.Context) error {
		info, err = s.Store.Stat(ctx, name)
		return err
	})
	return info, err
}

// Delete removes one object. A lost answer does no harm: deleting again is no error.
func (s *store) Delete(ctx context.Context, name string) error {
	return s.policy.Do(ctx, func(ctx context.Context) error { return s.Store.Delete(ctx, name) })
}

// List begins again after a failure and passes over what fn has seen: names come in order, so the last one seen is
// all there is to remember.
func (s *store) List(ctx context.Context, prefix string, fn func(blob.Info) error) error {
	var last string
	var stopped error
	episode := s.policy.begin()
	for {
		err := s.Store.List(ctx, prefix, func(info blob.Info) error {
			if last != "" && info.Name <= last {
				return nil
			}
			last = info.Name
			episode.over()
			stopped = fn(info)
			return stopped
		})
		if err == nil || stopped != nil {
			return err // the caller's own error as it is
		}
		if err := episode.wait(ctx, err); err != nil {
			return err
		}
	}
}

// Get returns a reader that outlives broken connections.
func (s *store) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	r := &reader{ctx: ctx, store: s.Store, name: name, offset: offset, left: length, version: match, episode: s.policy.begin()}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}
