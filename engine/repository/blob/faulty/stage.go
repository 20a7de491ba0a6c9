package faulty

import (
	"context"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

type stager struct {
	blob.Stager
	script *Script
}

// Stage may fail; so may the writes to what it returns, and its Commit.
func (s *stager) Stage(ctx context.Context) (blob.Staged, error) {
	fault := s.script.next(Stage, "")
	if err := fault.before(ctx); err != nil {
		return nil, err
	}
	inner, err := s.Stager.Stage(ctx)
	if err != nil {
		return nil, err
	}
	return &staged{Staged: inner, ctx: ctx, fault: fault, script: s.script}, nil
}

type staged struct {
	blob.Staged
	ctx     context.Context
	fault   *Fault
	script  *Script
	written int64
}

// Write fails once the bytes before the fault have been written.
func (f *staged) Write(p []byte) (int, error) {
	room := f.fault.room(f.written, len(p))
	n, err := f.Staged.Write(p[:room])
	f.written += int64(n)
	if err != nil || room == len(p) {
		return n, err
	}
	return n, f.fault.at(f.ctx, f.written)
}

// Commit may fail before and after.
func (f *staged) Commit(ctx context.Context, name string, opts blob.PutOptions) (blob.Info, error) {
	fault := f.script.next(Commit, name)
	if err := fault.before(ctx); err != nil {
		return blob.Info{}, err
	}
	info, err := f.Staged.Commit(ctx, name, opts)
	if lost := fault.after(); err == nil && lost != nil {
		return blob.Info{}, lost
	}
	return info, err
}
