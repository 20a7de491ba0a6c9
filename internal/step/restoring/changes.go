package restoring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Counting is a courtesy: it gives up before it costs too much memory, or keeps whoever plans waiting.
const (
	mostKeys   = 1 << 20
	mostKinds  = 1 << 10
	shownKinds = 12
	countTime  = 2 * time.Minute
)

var errManyKeys = errors.New("there are more than " + humanize.Comma(mostKeys) + " objects")

// change counts the objects of one kind that a restore changes.
type change struct {
	kind string
	// back: they become what they were. gone: they came after the snapshot. again: they were deleted since.
	back, gone, again int
}

func (c change) total() int { return c.back + c.gone + c.again }

// changes compares what a snapshot holds with what the member on this machine has now, by keys and the revisions of their
// last change: equal ones are the same object. Revisions that a restore has raised in between are never equal by chance.
type changes struct {
	held  map[uint64]object
	kinds map[string]int
	list  []change
	nodes nodes
	seed  maphash.Seed
}

// object is a key of the snapshot that was not seen in etcd yet.
type object struct {
	revision int64
	kind     int
}

func (c *changes) kind(key []byte) int {
	name := mvcc.ResourceOf(key)
	i, known := c.kinds[name]
	if !known {
		if len(c.list) == mostKinds {
			name = "(others)"
			if i, known = c.kinds[name]; known {
				return i
			}
		}
		i = len(c.list)
		c.kinds[name] = i
		c.list = append(c.list, change{kind: name})
	}
	return i
}

// count the changes: kinds with the most first.
func count(ctx context.Context, db *mvcc.File, live func(context.Context, func(etcd.Key) error) error) (*changes, error) {
	c := &changes{held: map[uint64]object{}, kinds: map[string]int{}, seed: maphash.MakeSeed()}
	err := db.Live(ctx, nil, func(r mvcc.Record) error {
		if len(c.held) == mostKeys {
			return errManyKeys
		}
		c.held[maphash.Bytes(c.seed, r.Key)] = object{r.Main, c.kind(r.Key)}
		c.nodes.holds(r.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	seen := 0
	err = live(ctx, func(k etcd.Key) error {
		if seen++; seen > mostKeys {
			return errManyKeys
		}
		c.nodes.has(k.Name)
		sum := maphash.Bytes(c.seed, k.Name)
		was, held := c.held[sum]
		delete(c.held, sum)
		switch {
		case !held:
			c.list[c.kind(k.Name)].gone++
		case was.revision != k.ModRevision:
			c.list[was.kind].back++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, o := range c.held {
		c.list[o.kind].again++
	}
	c.list = slices.DeleteFunc(c.list, func(c change) bool { return c.total() == 0 })
	slices.SortFunc(c.list, func(a, b change) int {
		return cmp.Or(cmp.Compare(b.total(), a.total()), strings.Compare(a.kind, b.kind))
	})
	return c, nil
}

// describe words the counts.
func describe(list []change) string {
	if len(list) == 0 {
		return "no object differs from what etcd holds now"
	}
	all := change{}
	var rows []string
	for i, c := range list {
		all.back, all.gone, all.again = all.back+c.back, all.gone+c.gone, all.again+c.again
		if i < shownKinds {
			rows = append(rows, c.kind+" "+c.words())
		}
	}
	if more := len(list) - shownKinds; more > 0 {
		rows = append(rows, fmt.Sprintf("and %d kinds more", more))
	}
	return fmt.Sprintf("%s objects change: %s. By kind: %s", humanize.Comma(int64(all.total())), all.words(), strings.Join(rows, "; "))
}

func (c change) words() string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.back, "become what they were"}, {c.gone, "made since are gone"}, {c.again, "deleted since are there again"}} {
		if p.n > 0 {
			parts = append(parts, humanize.Comma(int64(p.n))+" "+p.word)
		}
	}
	return strings.Join(parts, ", ")
}

// changes tells what a restore of a snapshot on this machine's disk would change. That it can't be told keeps nobody from
// restoring: etcd may be what is broken.
func (s *preflight) changes(ctx context.Context, inst *distro.Installation, src snapshot.Source, m *snapshot.Manifest) {
	const check = "Changes"
	limited, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	client, err := etcd.Dial(limited, inst.Client)
	if err != nil {
		s.add(check, passed, "not known how many objects change: etcd does not answer: "+err.Error())
		return
	}
	defer client.Close()
	found, err := s.compared(limited, client, src, m)
	if err != nil {
		s.add(check, passed, "not known how many objects change: "+err.Error())
		return
	}
	s.add(check, passed, describe(found.list))
	if text := found.nodes.describe(); text != "" {
		s.add("NodesChange", passed, text)
	}
}

func (s *preflight) compared(ctx context.Context, client *etcd.Client, src snapshot.Source, m *snapshot.Manifest) (*changes, error) {
	endpoints := client.Endpoints()
	if len(endpoints) == 0 {
		return nil, errors.New("no endpoint of etcd is known")
	}
	if _, err := client.Value(ctx, endpoints[0], "/"); err != nil { // before the snapshot is read for nothing
		return nil, err
	}
	unpacked, err := snapshot.Unpack(ctx, src, m, s.SpoolDir, nil)
	if err != nil {
		return nil, err
	}
	defer unpacked.File.Close()
	db, err := mvcc.Open(unpacked.File, unpacked.Size)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return count(ctx, db, func(ctx context.Context, each func(etcd.Key) error) error {
		return client.Keys(ctx, endpoints[0], each)
	})
}
