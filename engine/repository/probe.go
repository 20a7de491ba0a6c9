package repository

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Probe is the verdict on one right that a repository must grant (requirement T6).
type Probe struct {
	// Right: "write", "list", "read", "ranged read", "large write", "delete", "clean up".
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
	"clean up":    "s3:ListBucketMultipartUploads on the bucket",
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
// removes again. It asks for no ownership and changes nothing else. Each right has its own verdict; a right that
// another depends on and that is missing makes the other skipped. Who may not write tries to read what is there: that
// is all that a restore needs.
func (r *Repository) Test(ctx context.Context) []Probe {
	t := &prober{store: r.store, now: r.now, small: probePrefix + snapshot.NewUploadID(), failed: map[string]bool{}}
	t.large = t.small + "-large"
	t.content = make([]byte, 64<<10)
	rand.Read(t.content) // never fails: see crypto/rand
	t.try(ctx, "write", "", t.write)
	if err := t.probes[0].Err; err != nil {
		t.hopeless = !errors.Is(err, blob.ErrDenied) && !errors.Is(err, blob.ErrNoSpace)
	}
	t.try(ctx, "list", "", t.list)
	t.try(ctx, "read", "", t.read)
	t.try(ctx, "ranged read", "", t.readRange)
	t.try(ctx, "large write", "write", t.writeLarge)
	t.try(ctx, "delete", "write", t.remove)
	t.try(ctx, "clean up", "", t.cleanUp)
	return t.probes
}

type prober struct {
	store        blob.Store
	now          func() time.Time
	small, large string
	content      []byte
	// theirs is an object of somebody else's to read where none of our own could be written.
	theirs blob.Info
	// hopeless: it is not the rights that are missing, and no other attempt would fare better.
	hopeless bool
	probes   []Probe
	failed   map[string]bool
}

// untried is why a right could not be tried.
type untried string

func (u untried) Error() string { return string(u) }

func (t *prober) try(ctx context.Context, right, needs string, attempt func(context.Context) error) {
	p := Probe{Right: right}
	switch {
	case t.failed[needs]:
		p.Skipped = "needs " + needs
	case t.hopeless:
		p.Skipped = "needs write"
	default:
		started := t.now()
		p.Err = attempt(ctx)
		p.Took = t.now().Sub(started)
	}
	if why, ok := errors.AsType[untried](p.Err); ok {
		p.Err, p.Skipped = nil, string(why)
	}
	t.failed[right] = p.Err != nil || p.Skipped != ""
	t.probes = append(t.probes, p)
}
