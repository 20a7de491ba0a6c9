package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// write begins with a look, which is not repeated for as long as an upload is when nobody answers.
func (t *prober) write(ctx context.Context) error {
	if _, err := t.store.Stat(ctx, t.small); err != nil && !errors.Is(err, blob.ErrNotExist) && !errors.Is(err, blob.ErrDenied) {
		return err
	}
	_, err := t.store.Put(ctx, t.small, bytes.NewReader(t.content), blob.PutOptions{SizeHint: int64(len(t.content))})
	return err
}

var errNotListed = errors.New("the object that was just written is not in the listing")

func (t *prober) list(ctx context.Context) error {
	if t.failed["write"] {
		return t.findTheirs(ctx)
	}
	found := false
	err := t.store.List(ctx, t.small, func(info blob.Info) error {
		found = found || info.Name == t.small
		return nil
	})
	if err == nil && !found {
		return errNotListed
	}
	return err
}

var errEnough = errors.New("enough was listed")

// findTheirs lists until it has seen something to read.
func (t *prober) findTheirs(ctx context.Context) error {
	err := t.store.List(ctx, "", func(info blob.Info) error {
		if info.Size == 0 {
			return nil
		}
		t.theirs = info
		return errEnough
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (t *prober) readTheirs(ctx context.Context, offset, length int64) error {
	if t.theirs.Name == "" {
		return untried("needs write, or something to read")
	}
	body, err := t.store.Get(ctx, t.theirs.Name, offset, length, "")
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

func (t *prober) read(ctx context.Context) error {
	if t.failed["write"] {
		return t.readTheirs(ctx, 0, min(t.theirs.Size, int64(len(t.content))))
	}
	return t.compare(ctx, 0, -1, t.content)
}

func (t *prober) readRange(ctx context.Context) error {
	if t.failed["write"] {
		return t.readTheirs(ctx, t.theirs.Size-1, 1)
	}
	const from, length = 1000, 5000
	return t.compare(ctx, from, length, t.content[from:from+length])
}

func (t *prober) compare(ctx context.Context, offset, length int64, want []byte) error {
	body, err := t.store.Get(ctx, t.small, offset, length, "")
	if err != nil {
		return err
	}
	defer body.Close()
	got, err := io.ReadAll(io.LimitReader(body, int64(len(t.content)+1)))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("the %d bytes that came back are not the %d that were written", len(got), len(want))
	}
	return nil
}

func (t *prober) writeLarge(ctx context.Context) error {
	pattern := sha256.Sum256(t.content)
	body := io.LimitReader(&repeat{pattern: pattern[:]}, probeLarge)
	_, err := t.store.Put(ctx, t.large, body, blob.PutOptions{})
	return err
}

func (t *prober) remove(ctx context.Context) error {
	var left error
	for _, name := range []string{t.small, t.large} {
		if err := t.store.Delete(ctx, name); err != nil {
			left = errors.Join(left, fmt.Errorf("%w (left behind: %s)", err, t.store.Location(name)))
		}
	}
	if left != nil {
		return left
	}
	return t.gone(ctx)
}

// gone looks whether anything is left. It lists, because nothing else may be known of an object by who may not read it.
func (t *prober) gone(ctx context.Context) error {
	if t.failed["list"] {
		_, err := t.store.Stat(ctx, t.small)
		if err == nil {
			return fmt.Errorf("%s is still there after its deletion", t.store.Location(t.small))
		}
		return nil // it is not, or that is not for us to see
	}
	return t.store.List(ctx, t.small, func(info blob.Info) error {
		return fmt.Errorf("%s is still there after its deletion", t.store.Location(info.Name))
	})
}

// No upload is as old as this: a sweep looks, and removes nothing.
const never = 100 * 365 * 24 * time.Hour

// cleanUp looks for the remains of interrupted uploads, as a prune does.
func (t *prober) cleanUp(ctx context.Context) error {
	j, ok := t.store.(blob.Janitor)
	if !ok {
		return untried("nothing can be left behind here")
	}
	_, err := j.Sweep(ctx, never)
	return err
}

// repeat is an endless reader of one pattern.
type repeat struct {
	pattern []byte
	at      int
}

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.pattern[r.at]
		r.at = (r.at + 1) % len(r.pattern)
	}
	return len(p), nil
}
