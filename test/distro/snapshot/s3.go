package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/test/distro"
)

// bucket is an S3 place that was seen to exist.
type bucket struct {
	cfg S3
	cli *minio.Client
}

func open(ctx context.Context, cfg S3) (*bucket, error) {
	cli, err := client(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.timeout())
	defer cancel()
	exists, err := cli.BucketExists(ctx, cfg.Bucket)
	if err != nil {
		return nil, fmt.Errorf("failed to test for existence of bucket %s: %w", cfg.Bucket, err)
	}
	if !exists {
		return nil, fmt.Errorf("bucket %s does not exist", cfg.Bucket)
	}
	return &bucket{cfg: cfg, cli: cli}, nil
}

func (b *bucket) key(name string) string { return path.Join(b.cfg.Folder, name) }

func (b *bucket) metadataKey(name string) string { return path.Join(b.cfg.Folder, ".metadata", name) }

func (b *bucket) upload(ctx context.Context, file string, e Entry, m *Manager) error {
	if m.Profile.UploadFails {
		return fmt.Errorf("Access Denied.")
	}
	ctx, cancel := context.WithTimeout(ctx, b.cfg.timeout())
	defer cancel()
	header := m.Flavor.Title() + "-"
	options := minio.PutObjectOptions{NumThreads: 2, ContentType: "application/octet-stream", UserMetadata: map[string]string{
		header + "Cluster-Id": m.ClusterID(ctx), header + "Node-Name": e.NodeName, header + "Token-Hash": e.TokenHash,
	}}
	if e.Compressed {
		options.ContentType = "application/zip"
	}
	if _, err := b.cli.FPutObject(ctx, b.cfg.Bucket, b.key(e.Name), file, options); err != nil {
		return err
	}
	if len(e.Metadata) == 0 {
		return nil
	}
	data, err := json.Marshal(e.Metadata)
	if err != nil {
		return err
	}
	options.ContentType = "application/json"
	_, err = b.cli.PutObject(ctx, b.cfg.Bucket, b.metadataKey(e.Name), bytes.NewReader(data), int64(len(data)), options)
	return err
}

// objects are all below a prefix of the folder, those of other nodes and clusters too.
func (b *bucket) objects(ctx context.Context, prefix string) ([]minio.ObjectInfo, error) {
	var all []minio.ObjectInfo
	if b.cfg.Folder != "" {
		prefix = b.cfg.Folder + "/" + prefix
	}
	for o := range b.cli.ListObjects(ctx, b.cfg.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, o.Err
		}
		if o.Size > 0 && path.Base(path.Dir(o.Key)) != ".metadata" {
			all = append(all, o)
		}
	}
	return all, nil
}

func (b *bucket) list(ctx context.Context, f distro.Flavor) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.timeout())
	defer cancel()
	objects, err := b.objects(ctx, "")
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, o := range objects {
		name := path.Base(o.Key)
		info, err := b.cli.StatObject(ctx, b.cfg.Bucket, o.Key, minio.StatObjectOptions{})
		if err != nil {
			return nil, err
		}
		header := "X-Amz-Meta-" + f.Title() + "-"
		entries = append(entries, Entry{
			Name: name, NodeName: cmp.Or(info.Metadata.Get(header+"Node-Name"), "s3"), TokenHash: info.Metadata.Get(header + "Token-Hash"),
			Location: "s3://" + b.cfg.Bucket + "/" + o.Key, Created: created(name, o.LastModified), Size: o.Size,
			Compressed: strings.HasSuffix(name, ".zip"), S3: &b.cfg, Metadata: b.metadata(ctx, name),
		})
	}
	return entries, nil
}

func (b *bucket) metadata(ctx context.Context, name string) map[string]string {
	o, err := b.cli.GetObject(ctx, b.cfg.Bucket, b.metadataKey(name), minio.GetObjectOptions{})
	if err != nil {
		return nil
	}
	defer o.Close()
	var m map[string]string
	if json.NewDecoder(o).Decode(&m) != nil {
		return nil
	}
	return m
}

func (b *bucket) remove(ctx context.Context, name string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.timeout())
	defer cancel()
	if _, err := b.cli.StatObject(ctx, b.cfg.Bucket, b.key(name), minio.StatObjectOptions{}); err != nil {
		if minio.ToErrorResponse(err).Code == "NoSuchKey" {
			return false, nil
		}
		return false, err
	}
	if err := b.cli.RemoveObject(ctx, b.cfg.Bucket, b.key(name), minio.RemoveObjectOptions{}); err != nil {
		return false, err
	}
	return true, b.cli.RemoveObject(ctx, b.cfg.Bucket, b.metadataKey(name), minio.RemoveObjectOptions{})
}

// prune keeps the newest objects of the folder whose names begin with a prefix, whoever has written them.
func (b *bucket) prune(ctx context.Context, prefix string, keep int) ([]string, error) {
	if keep < 1 {
		return nil, nil
	}
	objects, err := b.objects(ctx, prefix)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(objects, func(x, y minio.ObjectInfo) int { return y.LastModified.Compare(x.LastModified) })
	var deleted []string
	for _, o := range objects[min(keep, len(objects)):] {
		if _, err := b.remove(ctx, path.Base(o.Key)); err != nil {
			return deleted, err
		}
		deleted = append(deleted, path.Base(o.Key))
	}
	return deleted, nil
}

// Download fetches a snapshot by its bare name into a directory, where it stays, and returns its path.
func Download(ctx context.Context, cfg S3, name, dir string) (string, error) {
	b, err := open(ctx, cfg)
	if err != nil {
		return "", &S3Error{err}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.timeout())
	defer cancel()
	to := filepath.Join(dir, name)
	if err := b.cli.FGetObject(ctx, cfg.Bucket, b.key(name), to, minio.GetObjectOptions{}); err != nil {
		return "", fmt.Errorf("failed to download snapshot from S3: %w", err)
	}
	return to, os.Chmod(to, 0o600)
}
