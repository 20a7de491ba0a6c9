package kubedata

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Aging is a stretch of a cluster's life.
type Aging struct {
	// Updates is how many times some object is changed, or made again when it is gone; each in a revision of its own.
	Updates int
	// Deletes is how many objects are deleted.
	Deletes int
	// Compact forgets the older three quarters of the revisions that this aging made, and all before, as the API server
	// does every five minutes. The database file then holds free pages with old data in them.
	Compact bool
}

// FillAged fills and ages a cluster so that its database file ends with about opts.Size bytes, a tenth of them free.
func FillAged(ctx context.Context, cli *clientv3.Client, opts Options) (*Data, error) {
	opts.Size = opts.Size / 10 * 9
	d, err := Fill(ctx, cli, opts)
	if err != nil {
		return nil, err
	}
	return d, d.Age(ctx, cli, Aging{Updates: d.Objects / 9, Deletes: d.Objects / 50, Compact: true})
}

// Age updates and deletes objects at random, which follows from the seed, and compacts.
func (d *Data) Age(ctx context.Context, cli *clientv3.Client, a Aging) error {
	before, err := revision(ctx, cli)
	if err != nil {
		return err
	}
	d.agings++
	err = d.parallel(ctx, cli, func(ctx context.Context, w *writer, worker int) error {
		return d.age(ctx, w, a, worker)
	})
	if err != nil {
		return err
	}
	if !a.Compact {
		return nil
	}
	after, err := revision(ctx, cli)
	if err != nil {
		return err
	}
	return compact(ctx, cli, after-(after-before)/4)
}

// age does a worker's share. A worker owns each Parallel-th object, so that no two ever write one.
func (d *Data) age(ctx context.Context, w *writer, a Aging, worker int) error {
	own := (d.Objects - worker + d.opts.Parallel - 1) / d.opts.Parallel
	if own <= 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(d.opts.Seed+uint64(d.agings), uint64(worker)))
	for n := worker; n < a.Updates; n += d.opts.Parallel {
		if err := d.update(ctx, w, r.IntN(own)*d.opts.Parallel+worker); err != nil {
			return err
		}
	}
	for n := worker; n < a.Deletes; n += d.opts.Parallel {
		if err := d.delete(ctx, w, r.IntN(own)*d.opts.Parallel+worker); err != nil {
			return err
		}
	}
	return nil
}

func (d *Data) update(ctx context.Context, w *writer, i int) error {
	d.objects[i].generation++
	d.objects[i].deleted = false
	op, err := w.put(ctx, d.generator.Object(i, int(d.objects[i].generation)))
	if err != nil {
		return err
	}
	if _, err := w.cli.Do(ctx, op); err != nil {
		return fmt.Errorf("update object %d: %w", i, err)
	}
	return nil
}

func (d *Data) delete(ctx context.Context, w *writer, i int) error {
	if d.objects[i].deleted {
		return nil
	}
	d.objects[i].deleted = true
	key := d.generator.Object(i, 0).Key
	if _, err := w.cli.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}

// Live returns every object as it should be in the cluster now, by key.
func (d *Data) Live() map[string][]byte {
	live := make(map[string][]byte, d.Objects)
	for i, s := range d.objects {
		if !s.deleted {
			o := d.generator.Object(i, int(s.generation))
			live[o.Key] = o.Value
		}
	}
	return live
}

func revision(ctx context.Context, cli *clientv3.Client) (int64, error) {
	r, err := cli.Get(ctx, compactRevKey)
	if err != nil {
		return 0, fmt.Errorf("newest revision: %w", err)
	}
	return r.Header.Revision, nil
}

// compactRevKey is where API servers tell each other what was compacted.
const compactRevKey = "compact_rev_key"

// compact returns when the old revisions are gone from the file.
func compact(ctx context.Context, cli *clientv3.Client, at int64) error {
	if _, err := cli.Put(ctx, compactRevKey, strconv.FormatInt(at, 10)); err != nil {
		return fmt.Errorf("note the compaction: %w", err)
	}
	if _, err := cli.Compact(ctx, at, clientv3.WithCompactPhysical()); err != nil {
		return fmt.Errorf("compact at %d: %w", at, err)
	}
	return nil
}
