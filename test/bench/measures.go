package main

import (
	"context"
	"os"
	"path/filepath"
)

// measure is one comparison. stock and ours each do the whole job once; prepare makes what both need.
type measure struct {
	letter, name string
	// limit for the median of the ratios.
	limit   float64
	latency bool
	prepare func(ctx context.Context) error
	stock   func(ctx context.Context) ([]step, error)
	ours    func(ctx context.Context) ([]step, error)
}

// step is one program to run.
type step []string

// measures are the comparisons, with the letters of docs/benchmarks.md.
func (b *bench) measures() []measure {
	snapshot := filepath.Join(b.dir, "snapshot.db")
	save := func(context.Context) error {
		return b.run(context.Background(), step{b.etcdctl, "snapshot", "save", snapshot})
	}
	once := func(prepare func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			if _, err := os.Stat(snapshot); err == nil {
				return nil
			}
			return prepare(ctx)
		}
	}
	return []measure{
		{letter: "a", name: "save to a directory, with checksum", limit: 1.05, stock: b.stockSave, ours: b.oursSave},
		{letter: "b", name: "save to MinIO, zstd", limit: 0.70, stock: b.stockUpload, ours: b.oursUpload},
		{letter: "c", name: "restore from MinIO", limit: 0.50, prepare: b.fillBucket, stock: b.stockDownload, ours: b.oursDownload},
		{letter: "d", name: "restore of a local raw file", limit: 0.60, prepare: once(save), stock: b.restoreWith(b.etcdutl, "snapshot", "restore", snapshot),
			ours: b.restoreWith(b.holdfast, "etcd", "restore", snapshot, "--min-free", "0", "--quiet")},
		{letter: "e", name: "evidence content / snapshot status", limit: 1.0, prepare: b.fillDirectory, stock: b.stockStatus, ours: b.oursContent},
		{letter: "f", name: "p99 of writes to etcd while saving", limit: 1.10, latency: true, stock: b.stockSave, ours: b.oursSave},
	}
}

func (b *bench) stockSave(context.Context) ([]step, error) {
	return []step{{b.etcdctl, "snapshot", "save", b.fresh("etcdctl.db")}}, nil
}

func (b *bench) oursSave(context.Context) ([]step, error) {
	return []step{{b.holdfast, "etcd", "save", "--repo", "file://" + b.fresh("repo"), "--verify", "checksum", "--min-free", "0", "--quiet"}}, nil
}

func (b *bench) stockUpload(context.Context) ([]step, error) {
	file := b.fresh("etcdctl.db")
	return []step{{b.etcdctl, "snapshot", "save", file}, {b.mc, "cp", "--quiet", file, "bench/" + bucket + "/stock/" + filepath.Base(file)}}, nil
}

func (b *bench) oursUpload(context.Context) ([]step, error) {
	return []step{append(step{b.holdfast, "etcd", "save", "--verify", "checksum", "--min-free", "0", "--quiet", "--compress", "zstd"}, b.s3Flags()...)}, nil
}

// fillBucket puts one snapshot of each kind into the bucket.
func (b *bench) fillBucket(ctx context.Context) error {
	ours, _ := b.oursUpload(ctx)
	file := filepath.Join(b.dir, "download.db")
	return b.run(ctx, append(ours, step{b.etcdctl, "snapshot", "save", file}, step{b.mc, "cp", "--quiet", file, "bench/" + bucket + "/stock/download.db"})...)
}

func (b *bench) stockDownload(context.Context) ([]step, error) {
	file := b.fresh("downloaded.db")
	return []step{
		{b.mc, "cp", "--quiet", "bench/" + bucket + "/stock/download.db", file},
		{b.etcdutl, "snapshot", "restore", file, "--data-dir", b.fresh("restored")},
	}, nil
}

func (b *bench) oursDownload(context.Context) ([]step, error) {
	return []step{append(step{b.holdfast, "etcd", "restore", "--latest", "--data-dir", b.fresh("restored"), "--min-free", "0", "--quiet"}, b.s3Flags()...)}, nil
}

func (b *bench) restoreWith(command ...string) func(context.Context) ([]step, error) {
	return func(context.Context) ([]step, error) {
		return []step{append(append(step{}, command...), "--data-dir", b.fresh("restored"))}, nil
	}
}

func (b *bench) fillDirectory(ctx context.Context) error {
	return b.run(ctx,
		step{b.holdfast, "etcd", "save", "--repo", "file://" + filepath.Join(b.dir, "content"), "--verify", "checksum", "--min-free", "0", "--quiet"},
		step{b.etcdctl, "snapshot", "save", filepath.Join(b.dir, "status.db")})
}

func (b *bench) stockStatus(context.Context) ([]step, error) {
	return []step{{b.etcdutl, "snapshot", "status", filepath.Join(b.dir, "status.db")}}, nil
}

func (b *bench) oursContent(context.Context) ([]step, error) {
	return []step{{b.holdfast, "repo", "verify", "--repo", "file://" + filepath.Join(b.dir, "content"), "--all", "--level", "content", "--record=false", "--quiet"}}, nil
}
