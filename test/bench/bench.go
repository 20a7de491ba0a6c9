package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
)

const bucket = "bench"

// bench is one database size: an etcd with that much in it, a MinIO, and the programs.
type bench struct {
	dir      string
	mib      int
	etcd     *server.Etcd
	minio    *server.MinIO
	holdfast string
	etcdctl  string
	etcdutl  string
	mc       string
	serial   int
}

func newBench(ctx context.Context, holdfast string, mib int) (*bench, error) {
	dir, err := os.MkdirTemp("/var/tmp", "holdfast-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, mib: mib, holdfast: holdfast}
	if err := b.start(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) start(ctx context.Context) error {
	for tool, path := range map[string]*string{"etcdctl-3.7": &b.etcdctl, "etcdutl-3.7": &b.etcdutl, "mc": &b.mc} {
		var err error
		if *path, err = server.Tool(tool); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "filling an etcd with %d MiB …\n", b.mib)
	var err error
	b.etcd, err = server.StartEtcd(ctx, server.EtcdConfig{
		Dir: filepath.Join(b.dir, "etcd"), Version: "3.7", TLS: true, QuotaBytes: 8 << 30,
	})
	if err != nil {
		return err
	}
	client, err := b.etcd.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := kubedata.FillAged(ctx, client, kubedata.Options{Seed: 1, Size: int64(b.mib) << 20, Leases: true}); err != nil {
		return err
	}
	if b.minio, err = server.StartMinIO(ctx, server.S3Config{Dir: filepath.Join(b.dir, "minio")}); err != nil {
		return err
	}
	return b.minio.MakeBucket(ctx, bucket, false)
}

func (b *bench) close() {
	if b.etcd != nil {
		b.etcd.Stop()
	}
	if b.minio != nil {
		b.minio.Stop()
	}
	os.RemoveAll(b.dir)
}

// fresh returns a path that nothing has used yet.
func (b *bench) fresh(name string) string {
	b.serial++
	return filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, b.serial))
}

// env is what both sides get: where etcd and MinIO are, and the keys.
func (b *bench) env() []string {
	mcDir := filepath.Join(b.dir, "mc")
	env := append(os.Environ(), b.etcd.CtlEnv()...)
	return append(env, "HOME="+b.dir, "XDG_CONFIG_HOME=", "MC_CONFIG_DIR="+mcDir,
		"AWS_ACCESS_KEY_ID="+b.minio.Root.AccessKey, "AWS_SECRET_ACCESS_KEY="+b.minio.Root.SecretKey,
		"MC_HOST_bench=https://"+b.minio.Root.AccessKey+":"+b.minio.Root.SecretKey+"@"+strings.TrimPrefix(b.minio.Endpoint, "https://"),
		"SSL_CERT_FILE="+b.minio.CAFile)
}

// s3Flags say to holdfast where the bucket is.
func (b *bench) s3Flags() []string {
	return []string{"--repo", "s3://" + bucket + "/holdfast", "--s3-endpoint", strings.TrimPrefix(b.minio.Endpoint, "https://"),
		"--s3-ca-file", b.minio.CAFile, "--s3-region", server.Region, "--s3-bucket-lookup", "path"}
}
