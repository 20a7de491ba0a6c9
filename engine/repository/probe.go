package repository

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Probe is the verdict on one right that a repository must grant (requirement T6).
type Probe struct {
	// Right: "write", "list", "read", "ranged read", "large write", "delete".
	Right string
	// Err is nil when the right is there.
	Err  error
	Took time.Duration
	// Skipped says why the right could not be tried: an earlier one is missing.
	Skipped string
}

// What Amazon and those who follow it call each right.
var grants = map[string]string{
	"write":       "s3:PutObject on the folder's objects",
	"list":        "s3:ListBucket on the bucket",
	"read":        "s3:GetObject on the folder's objects",
	"ranged read": "s3:GetObject on the folder's objects",
	"large write": "s3:PutObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts on the folder's objects",
	"delete":      "s3:DeleteObject on the folder's objects",
}

// Explain words why a right is not there, and what grants it; nil when it is there or was not tried.
func (p Probe) Explain(location string) error {
	err := Explain(p.Right, location, p.Err)
	if e, ok := errors.AsType[*problem.Error](err); ok && e.Next == whichRight {
		granted := *e
		granted.Next = "grant " + grants[p.Right] + " to whom these keys or this role belong to"
		return &granted
	}
	return err
}

// Test objects lie where k3s does not take them for snapshots.
const probePrefix = snapshot.MetadataDir + "/holdfast-test-"

// Larger than one part of a multipart upload.
const probeLarge = 17 << 20

// Test tries each right that saving, listing, restoring and pruning need, with small objects of its own that it
// removes again. It asks for no ownership and touches nothing else. Each right has its own verdict; a right that
// another depends on and that is missing makes the other skipped.
func (r *Repository) Test(ctx context.Context) []Probe {
	t := &prober{store: r.store, now: r.now, small: probePrefix + snapshot.NewUploadID(), failed: map[string]bool{}}
	t.large = t.small + "-large"
	t.content = make([]byte, 64<<10)
	rand.Read(t.content) // never fails: see crypto/rand
	t.try(ctx, "write", "", t.write)
	t.try(ctx, "list", "write", t.list)
	t.try(ctx, "read", "write", t.read)
	t.try(ctx, "ranged read", "write", t.readRange)
	t.try(ctx, "large write", "write", t.writeLarge)
	t.try(ctx, "delete", "write", t.remove)
	return t.probes
}

type prober struct {
	store        blob.Store
	now          func() time.Time
	small, large string
	content      []byte
	probes       []Probe
	failed       map[string]bool
}

func (t *prober) try(ctx context.Context, right, needs string, attempt func(context.Context) error) {
	p := Probe{Right: right}
	if t.failed[needs] {
		p.Skipped = "needs " + needs
	} else {
		started := t.now()
		p.Err = attempt(ctx)
		p.Took = t.now().Sub(started)
	}
	t.failed[right] = p.Err != nil || p.Skipped != ""
	t.probes = append(t.probes, p)
}

func (t *prober) write(ctx context.Context) error {
	_, err := t.store.Put(ctx, t.small, bytes.NewReader(t.content), blob.PutOptions{SizeHint: int64(len(t.content))})
	return err
}

var errNotListed = errors.New("the object that was just written is not in the listing")

func (t *prober) list(ctx context.Context) error {
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

func (t *prober) read(ctx context.Context) error {
	return t.compare(ctx, 0, -1, t.content)
}

func (t *prober) readRange(ctx context.Context) error {
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
	for _, name := range []string{t.small, t.large} {
		if err := t.store.Delete(ctx, name); err != nil {
			return fmt.Errorf("%w (left behind: %s)", err, t.store.Location(name))
		}
		switch _, err := t.store.Stat(ctx, name); {
		case err == nil:
			return fmt.Errorf("%s is still there after its deletion", t.store.Location(name))
		case !errors.Is(err, blob.ErrNotExist):
			return fmt.Errorf("look whether %s is gone: %w", t.store.Location(name), err)
		}
	}
	return nil
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
