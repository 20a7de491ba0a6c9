package main

import (
	"context"
	"fmt"
	"os"

	"github.com/holdfast-dev/holdfast/test/server"
)

// bucket is an S3 server with a certificate of its own authority, for the journeys that set a target.
type bucket struct {
	Endpoint  string `json:"endpoint"`
	Bucket    string `json:"bucket"`
	Region    string `json:"region"`
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
	CA        string `json:"ca"`
	OtherCA   string `json:"otherCA"`
}

const bucketName = "etcd-backups"

// startBucket starts one, which ends with stop.
func startBucket(ctx context.Context) (b *bucket, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "holdfast-stage-s3-")
	if err != nil {
		return nil, nil, err
	}
	minio, err := server.StartMinIO(ctx, server.S3Config{Dir: dir})
	if err != nil {
		return nil, nil, fmt.Errorf("start an S3 server: %w", err)
	}
	stop = func() error {
		if err := minio.Stop(); err != nil {
			return err
		}
		return os.RemoveAll(dir)
	}
	if err := minio.MakeBucket(ctx, bucketName, false); err != nil {
		_ = stop()
		return nil, nil, err
	}
	b = &bucket{
		Endpoint: minio.Address, Bucket: bucketName, Region: server.Region,
		AccessKey: minio.Root.AccessKey, SecretKey: minio.Root.SecretKey,
	}
	for file, text := range map[string]*string{minio.CAFile: &b.CA, minio.WrongCAFile: &b.OtherCA} {
		pem, err := os.ReadFile(file)
		if err != nil {
			_ = stop()
			return nil, nil, err
		}
		*text = string(pem)
	}
	return b, stop, nil
}
