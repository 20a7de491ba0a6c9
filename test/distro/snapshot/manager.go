package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/profile"
)

// errBusy: one save at a time.
var errBusy = errors.New("snapshot save already in progress")

// S3Error: the S3 client could not be made. Callers of /db/snapshot see it as a bad request.
type S3Error struct{ Err error }

func (e *S3Error) Error() string { return "failed to initialize S3 client: " + e.Err.Error() }

// Unwrap is the cause.
func (e *S3Error) Unwrap() error { return e.Err }

// Recorder learns of snapshots. It is told after the fact, and what it can't do it logs itself.
type Recorder interface {
	// Saved is told of every copy that was tried.
	Saved(ctx context.Context, e Entry)
	// Reconcile makes the records what the entries say. The S3 records are left alone when s3 is false.
	Reconcile(ctx context.Context, entries []Entry, s3 bool)
}

// Manager is a server's snapshots. Its fields are set once; its methods may be called concurrently.
type Manager struct {
	Flavor   distro.Flavor
	Profile  profile.Profile
	NodeName string
	// Dir is the default directory.
	Dir string
	// Compress and Retention are what a silent request gets.
	Compress  bool
	Retention int
	// Password of the server token, of which copies carry a hash.
	TokenHash string
	// Stream is etcd's snapshot.
	Stream func(context.Context) (io.ReadCloser, error)
	// Extra is the ConfigMap of extra metadata, ClusterID the UID of kube-system.
	Extra     func(context.Context) map[string]string
	ClusterID func(context.Context) string
	Records   Recorder
	Log       *logrus.Logger
	Now       func() time.Time

	saving sync.Mutex
}

// place is where a request works.
type place struct {
	dir       string
	compress  bool
	retention int
	s3        *bucket
}

// place resolves a request. The S3 client is made at once, so that nothing is saved when it can't be.
func (m *Manager) place(ctx context.Context, r Request) (place, error) {
	p := place{dir: m.Dir, compress: m.Compress, retention: m.Retention}
	if r.Dir != nil && *r.Dir != "" {
		p.dir = *r.Dir
	}
	if r.Compress != nil {
		p.compress = *r.Compress
	}
	if r.Retention != nil {
		p.retention = *r.Retention
	}
	if p.dir == m.Dir {
		if err := os.MkdirAll(p.dir, 0o700); err != nil {
			return p, err
		}
	} else if _, err := os.Stat(p.dir); err != nil {
		return p, err
	}
	if r.S3 != nil {
		b, err := open(ctx, *r.S3)
		if err != nil {
			return p, &S3Error{err}
		}
		p.s3 = b
	}
	return p, nil
}

// Save takes a snapshot, copies it to S3 if the request says so, and prunes. A copy that could not be made is missing from
// the response, and is no error.
func (m *Manager) Save(ctx context.Context, name string, r Request) (Response, error) {
	if !m.saving.TryLock() {
		return Response{}, errBusy
	}
	defer m.saving.Unlock()
	p, err := m.place(ctx, r)
	if err != nil {
		return Response{}, err
	}
	return m.save(ctx, name, p)
}

// Scheduled is Save by the clock: an S3 that can't be reached costs the copy alone.
func (m *Manager) Scheduled(ctx context.Context, name string, r Request) {
	if !m.saving.TryLock() {
		return
	}
	defer m.saving.Unlock()
	s3 := r.S3
	r.S3 = nil
	p, err := m.place(ctx, r)
	if err == nil && s3 != nil {
		if p.s3, err = open(ctx, *s3); err != nil {
			m.Log.Errorf("failed to initialize S3 client: %v", err)
		}
	}
	if _, err := m.save(ctx, name, p); err != nil {
		m.Log.Errorf("Failed to take scheduled snapshot: %v", err)
	}
}

func (m *Manager) save(ctx context.Context, name string, p place) (Response, error) {
	// Rounded, not cut: a name can be half a second ahead of the clock.
	now := m.Now().Round(time.Second)
	file := fmt.Sprintf("%s-%s-%d", name, m.NodeName, now.Unix())
	m.Log.Infof("Saving etcd snapshot to %s", filepath.Join(p.dir, file))
	entry := Entry{Name: file, NodeName: m.NodeName, Created: now, TokenHash: m.TokenHash, Metadata: m.Extra(ctx), Compressed: p.compress}
	path, err := m.write(ctx, filepath.Join(p.dir, file), p.compress)
	if err != nil {
		entry.Failed = err.Error()
		m.Log.Errorf("Failed to take etcd snapshot: %v", err)
		m.Records.Saved(ctx, entry)
		return Response{}, nil
	}
	entry.Name, entry.Location = filepath.Base(path), "file://"+path
	info, err := os.Stat(path)
	if err != nil {
		return Response{}, err
	}
	entry.Size = info.Size()
	if err := writeMetadata(p.dir, entry.Name, entry.Metadata); err != nil {
		return Response{}, err
	}
	m.Records.Saved(ctx, entry)
	response := Response{Created: []string{entry.Name}}
	if response.Deleted, err = pruneLocal(p.dir, name, p.retention); err != nil {
		return response, err
	}
	if p.s3 != nil {
		m.copy(ctx, name, path, entry, p, &response)
	}
	m.reconcile(ctx, p)
	return response, nil
}

// copy uploads, once.
func (m *Manager) copy(ctx context.Context, name, path string, e Entry, p place, response *Response) {
	e.S3, e.Location = &p.s3.cfg, "s3://"+p.s3.cfg.Bucket+"/"+p.s3.key(e.Name)
	if err := p.s3.upload(ctx, path, e, m); err != nil {
		m.Log.Errorf("Error received during snapshot upload to S3: %v", err)
		e.Failed, e.Size, e.Location = err.Error(), 0, ""
		m.Records.Saved(ctx, e)
		return
	}
	response.Created = append(response.Created, e.Name)
	m.Records.Saved(ctx, e)
	keep := p.s3.cfg.Retention
	if m.Profile.SavePrunesS3 && keep == 0 {
		keep = 5
	}
	deleted, err := p.s3.prune(ctx, name, keep)
	if err != nil {
		m.Log.Errorf("Failed to apply S3 snapshot retention: %v", err)
	}
	response.Deleted = append(response.Deleted, deleted...)
}
