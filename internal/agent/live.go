package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

const (
	// comparePoll is how often the member is asked whether it has compacted. A compaction that is seen at one poll is
	// compared at the next: its hash is stored when it ends.
	comparePoll = 20 * time.Second
	// compareTime is how long a snapshot waits for a compaction. Kubernetes compacts every five minutes.
	compareTime = 15 * time.Minute
)

// comparisons compare each new snapshot with the cluster that it was taken from. At the first compaction after the save,
// at a revision that the snapshot holds, etcd computes its content hash anyway and keeps it: the same hash of the
// snapshot's file must be equal. It costs the server nothing.
type comparisons struct {
	*Agent
	mu      sync.Mutex
	waiting map[string]time.Time // snapshots by path, and when they were taken
	// seen is the compaction that the last poll saw.
	seen int64
}

func newComparisons(a *Agent) *comparisons {
	return &comparisons{Agent: a, waiting: map[string]time.Time{}}
}

// add puts a snapshot in line.
func (c *comparisons) add(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[path] = c.cfg.Now()
}

func (c *comparisons) drop(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, path)
}

// pending are the snapshots that still wait. Those whose time is over stay what they are.
func (c *comparisons) pending() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var paths []string
	for path, at := range c.waiting {
		if c.cfg.Now().Sub(at) > compareTime {
			delete(c.waiting, path)
			continue
		}
		paths = append(paths, path)
	}
	return paths
}

func (c *comparisons) run(ctx context.Context) error {
	for sleep(ctx, comparePoll) {
		if err := c.poll(ctx); err != nil && ctx.Err() == nil {
			c.cfg.Log.Debug("no comparison with the live cluster", "error", err)
		}
	}
	return nil
}

func (c *comparisons) poll(ctx context.Context) error {
	paths := c.pending()
	if len(paths) == 0 {
		return nil
	}
	o, _ := c.standing.get()
	d := c.driver(o)
	if d == nil {
		return nil
	}
	inst, err := d.Discover(ctx)
	if err != nil {
		return err
	}
	client, err := etcd.Dial(ctx, inst.Client)
	if err != nil {
		return err
	}
	defer client.Close()
	endpoint := client.Endpoints()[0]
	compacted, err := client.CompactRevision(ctx, endpoint)
	if err != nil {
		return err
	}
	settled := compacted == c.seen
	c.seen = compacted
	if !settled {
		return nil
	}
	var errs []error
	for _, path := range paths {
		errs = append(errs, c.compare(ctx, client, endpoint, path, compacted))
	}
	return errors.Join(errs...)
}

// compare brings one snapshot's comparison about, if the compaction is one for it.
func (c *comparisons) compare(ctx context.Context, client *etcd.Client, endpoint, path string, compacted int64) error {
	o, _ := c.standing.get()
	repo, entry, err := c.places(o).Find(ctx, path)
	if problem.KindOf(err) == problem.NotFound {
		c.drop(path)
		return nil
	}
	if err != nil {
		return err
	}
	defer repo.Close()
	m := entry.Manifest
	switch {
	case m == nil || compacted > m.Database.Revision:
		c.drop(path) // the cluster has compacted past all that the snapshot holds
		return nil
	case compacted <= m.Database.CompactRevision:
		return nil
	}
	started := c.cfg.Now()
	server, err := client.HashKV(ctx, endpoint, compacted)
	if err != nil {
		return err
	}
	before := max(server.CompactRevision, 0) // -1 stands for never
	if server.HashRevision != compacted || before != m.Database.CompactRevision || etcd.FormatID(server.Cluster) != m.Source.ClusterID {
		c.drop(path) // there were two compactions, or another cluster answers
		return nil
	}
	own, err := offlineHash(ctx, path, m, compacted)
	if err != nil {
		return err
	}
	test := snapshot.Evidence{
		Level: snapshot.LevelLive, Outcome: snapshot.OutcomePassed, At: c.cfg.Now().UTC(), Took: c.cfg.Now().Sub(started), Host: c.cfg.Hostname,
		Reason: fmt.Sprintf("the cluster's content hash at its compaction %d is the same: %d", compacted, own),
	}
	if own != server.Hash {
		test.Outcome = snapshot.OutcomeFailed
		test.Reason = fmt.Sprintf("the cluster's content hash at its compaction %d is %d, the snapshot's is %d", compacted, server.Hash, own)
		c.cfg.Log.Error("a snapshot is not what its cluster holds", "snapshot", path, "reason", test.Reason)
	}
	m.AddEvidence(test)
	if err := snapshot.PutManifest(ctx, repo.Store(), m); err != nil {
		return err
	}
	c.drop(path)
	c.stirred.ring()
	return nil
}

// offlineHash is the content hash of a raw snapshot file at a revision.
func offlineHash(ctx context.Context, path string, m *snapshot.Manifest, revision int64) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	db, err := mvcc.Open(f, m.Database.Size)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return db.HashKV(ctx, revision, m.Database.CompactRevision)
}
