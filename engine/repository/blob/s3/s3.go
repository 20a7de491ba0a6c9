// Package s3 keeps objects in a bucket, or a folder of one, of Amazon S3 or of a server that speaks its protocol.
//
// Everything that a request can wait for has a limit: dialling, the handshake, and any silence on the connection. An
// upload holds a few parts in memory and repeats a part that failed; it is the only thing that is repeated here. Each
// request is made with keys that are fresh at that moment, so that role credentials may expire during an upload.
//
// minio-go makes and signs the requests; its own retries are off. Errors come back as [*Error] with the store
// contract's sentinel, the server's own words and its request id. MinIO and versitygw are tested against in
// test/e2e; what the protocol leaves open follows Amazon's documentation.
//
// The package must not know what the objects mean. Start reading at [New]; put.go and upload.go are the heart.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Store is a bucket or a folder of one. It implements [blob.Store], [blob.Featured] and [blob.Janitor].
type Store struct {
	cfg       Config
	core      minio.Core
	transport *http.Transport
	keys      *keyring

	// bucketSeen: a request has shown that the bucket exists, so that a missing object is just that.
	bucketSeen atomic.Bool

	mu      sync.Mutex
	uploads map[string]bool // ids of this process's running uploads, which Sweep spares
}

// New checks the settings. It sends nothing: whether the bucket can be used is found out by using it.
func New(cfg Config) (*Store, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, fmt.Errorf("configure S3: %w", err)
	}
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, fmt.Errorf("configure S3: %w", err)
	}
	s := &Store{cfg: cfg, transport: transport, keys: newKeyring(cfg.provider()), uploads: map[string]bool{}}
	if err := s.connect(); err != nil {
		return nil, fmt.Errorf("configure S3: %w", err)
	}
	return s, nil
}

func (s *Store) connect() error {
	lookup, err := s.cfg.Lookup.option()
	if err != nil {
		return err
	}
	client, err := minio.New(s.cfg.Endpoint, &minio.Options{
		Creds:        credentials.New(&signer{keys: s.keys}),
		Secure:       !s.cfg.Insecure,
		Transport:    &strayGuard{next: &stallGuard{next: s.transport, limit: s.cfg.Stall}},
		Region:       s.cfg.Region,
		BucketLookup: lookup,
		MaxRetries:   1, // package retry and Put decide what is repeated; two owners would multiply
	})
	if err != nil {
		return err
	}
	client.SetAppInfo("holdfast", "1")
	// Amazon's own tools use the plain names, and firewalls and private endpoints are made for those.
	client.SetS3EnableDualstack(false)
	s.core = minio.Core{Client: client}
	return nil
}

// Features: metadata is kept. Names are claimed atomically where the server is known to honour If-None-Match; the
// header is sent to every server.
func (s *Store) Features() blob.Features {
	return blob.Features{Metadata: true, AtomicIfAbsent: s3utils.IsAmazonEndpoint(*s.core.EndpointURL())}
}

// Location is an S3 URL.
func (s *Store) Location(name string) string {
	path := "/" + s.cfg.Prefix
	if s.cfg.Prefix != "" && name != "" {
		path += "/"
	}
	return (&url.URL{Scheme: "s3", Host: s.cfg.Bucket, Path: path + name}).String()
}

// Close ends idle connections.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Identity says as whom the store acts and where the keys came from ("environment", "instance role", …), fetching
// them if need be. It holds no secret.
func (s *Store) Identity(ctx context.Context) (accessKey, source string, err error) {
	issued, err := s.keys.ensure(ctx)
	if err != nil {
		return "", "", s.failure(ctx, "find credentials for", "", err)
	}
	return issued.AccessKey, issued.Source, nil
}

// folder is what all keys start with.
func (s *Store) folder() string {
	if s.cfg.Prefix == "" {
		return ""
	}
	return s.cfg.Prefix + "/"
}

// maxKey is S3's limit.
const maxKey = 1024

// key is the object's name in the bucket.
func (s *Store) key(name string) (string, error) {
	if err := blob.CheckName(name); err != nil {
		return "", err
	}
	key := s.folder() + name
	if len(key) > maxKey {
		return "", fmt.Errorf("%w: with the folder it is longer than %d bytes", blob.ErrName, maxKey)
	}
	return key, nil
}

// call makes one request, with keys that are fresh. A server that does not accept them may have ended them early, so
// they are fetched once more before that is believed.
func (s *Store) call(ctx context.Context, op, name string, request func(context.Context) error) error {
	issued, err := s.keys.ensure(ctx)
	if err != nil {
		return s.failure(ctx, op, name, err)
	}
	err = s.failure(ctx, op, name, request(ctx))
	if !errors.Is(err, blob.ErrCredentials) {
		return err
	}
	if renewed, renewErr := s.keys.renew(ctx, issued); renewErr != nil || !renewed {
		return err
	}
	return s.failure(ctx, op, name, request(ctx))
}

// closeAll closes a body that is of no more use, next to the error that matters more.
func closeAll(err error, body io.Closer) error {
	return errors.Join(err, body.Close())
}

var (
	_ blob.Store    = (*Store)(nil)
	_ blob.Featured = (*Store)(nil)
	_ blob.Janitor  = (*Store)(nil)
)
