// Package place opens the repositories that a machine works with, its own directory and the S3 folder of its cluster, and
// words what lies in them as the API's inventory does.
//
// It decides nothing: neither what is saved nor what is kept. Start reading at [Places].
package place

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
)

// Keys are the credentials for an S3 target. All empty: the machine's own, as AWS's chain finds them.
type Keys struct {
	AccessKey               string
	SecretKey, SessionToken s3.Secret
}

// Equal says whether they are the same keys.
func (k Keys) Equal(other Keys) bool {
	return k.AccessKey == other.AccessKey && k.SecretKey.Equal(other.SecretKey) && k.SessionToken.Equal(other.SessionToken)
}

// Keys of a Secret with S3 credentials.
const (
	secretAccessKey    = "accessKey"
	secretSecretKey    = "secretKey"
	secretSessionToken = "sessionToken"
)

// KeysIn reads the data of a Secret with S3 credentials.
func KeysIn(data map[string][]byte) Keys {
	return Keys{
		AccessKey: string(data[secretAccessKey]), SecretKey: s3.NewSecret(string(data[secretSecretKey])),
		SessionToken: s3.NewSecret(string(data[secretSessionToken])),
	}
}

// Places are the repositories of one machine.
type Places struct {
	// Dir is the directory of the machine's own repository; empty when it has none.
	Dir string
	// Own opens it; nil where it is a directory of Holdfast's alone.
	Own func() (blob.Store, error)
	// S3 is the cluster's folder; nil when it has none.
	S3 *v1alpha1.S3
	// Keys for S3.
	Keys Keys
	// Host names this machine in what is written.
	Host string
	Log  *slog.Logger
}

// ErrNoTarget: an S3 target is needed and none is configured.
var ErrNoTarget = errors.New("the cluster has no S3 target")

// patience is how long a request to a store that gives no answer is repeated. Nobody sits waiting for an agent.
const patience = 2 * time.Minute

// Repository is an opened one. It is closed by whoever opened it.
type Repository struct {
	*repository.Repository
	// Local: it is the machine's own directory.
	Local bool
}

// Close ends the store's connections.
func (r *Repository) Close() error { return r.Store().Close() }

// Location of a file: its path, or its S3 URI.
func (r *Repository) Location(file string) string {
	location := r.Store().Location(file)
	if u, err := url.Parse(location); r.Local && err == nil && u.Scheme == "file" {
		return u.Path
	}
	return location
}

// Local opens the machine's own repository, and makes its directory when missing.
func (p Places) Local() (*Repository, error) {
	if p.Dir == "" {
		return nil, &problem.Error{Kind: problem.NotFound, Op: "open the repository of this machine", Err: ErrNone}
	}
	open := p.Own
	if open == nil {
		open = func() (blob.Store, error) { return local.New(local.Config{Dir: p.Dir, Create: true}) }
	}
	store, err := open()
	if err != nil {
		return nil, err
	}
	return &Repository{Repository: p.open(store), Local: true}, nil
}

// ErrNone: the machine keeps no snapshots.
var ErrNone = errors.New("this machine keeps no snapshots: it has no etcd of its own")

// Target opens the cluster's S3 folder.
func (p Places) Target() (*Repository, error) {
	if p.S3 == nil {
		return nil, &problem.Error{
			Kind: problem.NotFound, Op: "open the S3 target", Err: ErrNoTarget, Next: "set spec.etcd.s3 of the Cluster",
		}
	}
	return p.Of(*p.S3, p.Keys)
}

// Of opens any S3 folder.
func (p Places) Of(t v1alpha1.S3, keys Keys) (*Repository, error) {
	store, err := folder(t, keys)
	if err != nil {
		return nil, err
	}
	return &Repository{Repository: p.open(retry.New(store, p.retrying()), store)}, nil
}

func folder(t v1alpha1.S3, keys Keys) (*s3.Store, error) {
	store, err := s3.New(s3.Config{
		Bucket: t.Bucket, Prefix: t.Folder, Endpoint: t.Endpoint, Region: t.Region, CAPEM: []byte(t.EndpointCA),
		SkipTLSVerify: t.SkipSSLVerify, Insecure: t.Insecure, Lookup: s3.Lookup(cmp.Or(t.BucketLookup, string(s3.LookupAuto))),
		AccessKey: keys.AccessKey, SecretKey: keys.SecretKey, SessionToken: keys.SessionToken,
		Parallel: 2, Retry: retry.Policy{MaxElapsed: patience},
	})
	if err != nil {
		return nil, &problem.Error{Kind: problem.Usage, Op: "open", Subject: "s3://" + t.Bucket + "/" + t.Folder, Err: err, Next: "correct spec.etcd.s3 of the Cluster"}
	}
	return store, nil
}

func (Places) retrying() retry.Config {
	return retry.Config{Policy: retry.Policy{MaxElapsed: patience}}
}

// open finds the folders above the store, which the last of stores knows.
func (p Places) open(stores ...blob.Store) *repository.Repository {
	cfg := repository.Config{Store: stores[0], Host: p.Host, Now: time.Now, Log: p.Log}
	if nested, ok := stores[len(stores)-1].(blob.Nested); ok {
		for _, above := range nested.Ancestors() {
			cfg.Ancestors = append(cfg.Ancestors, retry.New(above, p.retrying()))
		}
	}
	return repository.Open(cfg)
}

// Find opens the repository that a location lies in and looks the file up there. The caller closes the repository.
func (p Places) Find(ctx context.Context, location string) (*Repository, *repository.Entry, error) {
	repo, file, err := p.holder(location)
	if err != nil {
		return nil, nil, err
	}
	entries, err := repo.FindWhole(ctx, []string{file})
	if err != nil {
		return nil, nil, errors.Join(repository.Explain("look for a snapshot in", repo.Location(""), err), repo.Close())
	}
	return repo, &entries[0], nil
}

// ErrElsewhere: a location lies in neither of the machine's repositories.
var ErrElsewhere = errors.New("it lies neither in this machine's repository nor in the cluster's S3 folder")

func (p Places) holder(location string) (*Repository, string, error) {
	elsewhere := &problem.Error{Kind: problem.Refused, Op: "look for", Subject: location, Err: ErrElsewhere}
	if strings.HasPrefix(location, "s3://") {
		repo, err := p.Target()
		if err != nil {
			return nil, "", err
		}
		file, err := below(repo.Location(""), location)
		if err != nil {
			return nil, "", errors.Join(elsewhere, repo.Close())
		}
		return repo, file, nil
	}
	rel, err := filepath.Rel(p.Dir, location)
	if p.Dir == "" || err != nil || !filepath.IsLocal(rel) || rel == "." {
		return nil, "", elsewhere
	}
	repo, err := p.Local()
	return repo, filepath.ToSlash(rel), err
}

// below is a file's name in the folder that it lies in, or ErrElsewhere.
func below(folder, location string) (string, error) {
	file, ok := strings.CutPrefix(location, strings.TrimSuffix(folder, "/")+"/")
	if !ok || file == "" {
		return "", ErrElsewhere
	}
	return file, nil
}

// Link lets somebody without credentials read a file in the cluster's S3 folder, for a while.
func (p Places) Link(ctx context.Context, location string, life time.Duration) (s3.Link, error) {
	if p.S3 == nil {
		return s3.Link{}, ErrNoTarget
	}
	store, err := folder(*p.S3, p.Keys)
	if err != nil {
		return s3.Link{}, err
	}
	defer store.Close()
	file, err := below(store.Location(""), location)
	if err != nil {
		return s3.Link{}, err
	}
	link, err := store.Link(ctx, file, life)
	return link, repository.Explain("make a link to", location, err)
}
