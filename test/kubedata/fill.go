package kubedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
)

const (
	// fillBatch objects go into one transaction while filling. etcd's limits are 128 operations and 1.5 MiB.
	fillBatch = 100
	// fileBytesPerObject is how much an object adds to the database file, slack in the pages included. Measured.
	fileBytesPerObject = 5_620
	// leaseSeconds and leaseObjects are how Kubernetes leases events: for an hour, many to one lease.
	leaseSeconds = 3600
	leaseObjects = 1000
)

// Options say what Fill writes.
type Options struct {
	// Seed is what the objects follow from.
	Seed uint64
	// Objects is how many there are.
	Objects int
	// Size may be given instead of Objects: as many as make a database file of about so many bytes.
	Size int64
	// Leases attaches events to etcd leases, as the API server does.
	Leases bool
	// Parallel is how many requests are under way at once. Default 8. It has no influence on the objects that Fill
	// writes, but on which of them Age changes.
	Parallel int
}

func (o Options) withDefaults() (Options, error) {
	o.Parallel = cmp.Or(o.Parallel, 8)
	o.Objects = cmp.Or(o.Objects, int(o.Size/fileBytesPerObject))
	if o.Objects <= 0 || o.Parallel <= 0 {
		return o, errors.New("kubedata: neither a number of objects nor a size")
	}
	return o, nil
}

// Data is what a cluster was filled with. It is for one caller at a time.
type Data struct {
	// Objects is how many keys Fill wrote.
	Objects int

	opts      Options
	generator *Generator
	objects   []state
	agings    int
}

// state is what became of one object.
type state struct {
	generation int32
	deleted    bool
}

// Fill writes objects into an empty cluster, many to a transaction.
func Fill(ctx context.Context, cli *clientv3.Client, opts Options) (*Data, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Data{
		Objects:   opts.Objects,
		opts:      opts,
		generator: NewGenerator(opts.Seed),
		objects:   make([]state, opts.Objects),
	}
	return d, d.parallel(ctx, cli, func(ctx context.Context, w *writer, worker int) error {
		for from := worker * fillBatch; from < d.Objects; from += d.opts.Parallel * fillBatch {
			if err := d.fill(ctx, w, from, min(from+fillBatch, d.Objects)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Data) fill(ctx context.Context, w *writer, from, to int) error {
	ops := make([]clientv3.Op, 0, to-from)
	for i := from; i < to; i++ {
		op, err := w.put(ctx, d.generator.Object(i, 0))
		if err != nil {
			return err
		}
		ops = append(ops, op)
	}
	if _, err := w.cli.Txn(ctx).Then(ops...).Commit(); err != nil {
		return fmt.Errorf("write objects %d to %d: %w", from, to, err)
	}
	return nil
}

// parallel runs do once for each worker.
func (d *Data) parallel(ctx context.Context, cli *clientv3.Client, do func(context.Context, *writer, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for worker := range d.opts.Parallel {
		group.Go(func() error { return do(ctx, &writer{cli: cli, leases: d.opts.Leases}, worker) })
	}
	return group.Wait()
}

// writer makes put operations, with leases where they belong. It is for one goroutine.
type writer struct {
	cli    *clientv3.Client
	leases bool

	lease    clientv3.LeaseID
	attached int
}

func (w *writer) put(ctx context.Context, o Object) (clientv3.Op, error) {
	if !o.Leased || !w.leases {
		return clientv3.OpPut(o.Key, string(o.Value)), nil
	}
	if w.attached%leaseObjects == 0 {
		r, err := w.cli.Grant(ctx, leaseSeconds)
		if err != nil {
			return clientv3.Op{}, fmt.Errorf("grant a lease: %w", err)
		}
		w.lease = r.ID
	}
	w.attached++
	return clientv3.OpPut(o.Key, string(o.Value), clientv3.WithLease(w.lease)), nil
}
