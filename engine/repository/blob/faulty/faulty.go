// Package faulty is a store that fails on purpose, for tests.
//
// Every fault has two twins, and a program has to survive both: the operation failed and left nothing ([Fail], [Cut]),
// and it failed but had already happened ([Lose]). Beside them are stores that are slow, that hang, and that answer
// with wrong bytes. A [Script] says what goes wrong and when, and which of its faults were never met, so that a test
// cannot pass because nothing happened.
//
// It must never be linked into a program. Start reading at [New].
package faulty

import (
	"context"
	"errors"
	"io"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/internal/forward"
)

// ErrInjected is in the chain of every error that a fault makes up.
var ErrInjected = errors.New("injected fault")

// transient is the error of a fault that was given none: one that a retry is meant for.
type transient struct{}

func (transient) Error() string   { return "injected fault: the connection was lost" }
func (transient) Transient() bool { return true }
func (transient) Unwrap() error   { return ErrInjected }

type store struct {
	blob.Store
	script *Script
}

// New wraps a store. What it returns is a Stager or a Janitor if the store is one.
func New(inner blob.Store, script *Script) blob.Store {
	s := &store{Store: inner, script: script}
	var staging blob.Stager
	if inner := forward.Stager(inner); inner != nil {
		staging = &stager{inner, script}
	}
	return forward.Optional(s, staging, forward.Janitor(inner))
}

// Features are the store's own.
func (s *store) Features() blob.Features { return forward.Features(s.Store) }

// Put may fail before, during and after.
func (s *store) Put(ctx context.Context, name string, r io.Reader, opts blob.PutOptions) (blob.Info, error) {
	fault := s.script.next(Put, name)
	if err := fault.before(ctx); err != nil {
		return blob.Info{}, err
	}
	info, err := s.Store.Put(ctx, name, fault.stream(ctx, r), opts)
	if lost := fault.after(); err == nil && lost != nil {
		return blob.Info{}, lost
	}
	return info, err
}

// Get may fail at the start and at any byte.
func (s *store) Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error) {
	fault := s.script.next(Get, name)
	if err := fault.before(ctx); err != nil {
		return nil, err
	}
	r, err := s.Store.Get(ctx, name, offset, length, match)
	if err != nil {
		return nil, err
	}
	if lost := fault.after(); lost != nil {
		return nil, errors.Join(lost, r.Close())
	}
	return &body{fault.stream(ctx, r), r}, nil
}

type body struct {
	io.Reader
	io.ReadCloser
}

func (b *body) Read(p []byte) (int, error) { return b.Reader.Read(p) }

// Version is the version that the inner reader reads, or "" when it does not tell.
func (b *body) Version() string {
	if told, ok := b.ReadCloser.(interface{ Version() string }); ok {
		return told.Version()
	}
	return ""
}

// Stat may fail.
func (s *store) Stat(ctx context.Context, name string) (info blob.Info, err error) {
	err = s.around(ctx, Stat, name, func() error {
		info, err = s.Store.Stat(ctx, name)
		return err
	})
	return info, err
}

// Delete may fail before and after.
func (s *store) Delete(ctx context.Context, name string) error {
	return s.around(ctx, Delete, name, func() error { return s.Store.Delete(ctx, name) })
}

// List may fail before, after any number of objects, and after all of them.
func (s *store) List(ctx context.Context, prefix string, fn func(blob.Info) error) error {
	fault := s.script.next(List, prefix)
	if err := fault.before(ctx); err != nil {
		return err
	}
	seen := int64(0)
	err := s.Store.List(ctx, prefix, func(info blob.Info) error {
		if err := fault.at(ctx, seen); err != nil {
			return err
		}
		seen++
		return fn(info)
	})
	if err != nil {
		return err
	}
	return fault.after()
}

func (s *store) around(ctx context.Context, op Op, name string, call func() error) error {
	fault := s.script.next(op, name)
	if err := fault.before(ctx); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return fault.after()
}
