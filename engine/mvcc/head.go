package mvcc

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Head is what a database says of itself and of its cluster.
type Head struct {
	PageSize int
	// Size of the file in bytes, free space included.
	Size int64
	// TxID is bbolt's transaction number.
	TxID uint64

	// Revision is where a server that boots from this file goes on: that of the newest record, or of the compaction
	// if that is newer (1 when there is neither). etcd has taken FinishedCompact into account always, and
	// ScheduledCompact since 3.5.14; older versions may resume at a lower revision after a crash in the middle of a
	// compaction whose newest record was a deletion.
	Revision int64
	// CompactRevision is the newer of FinishedCompact and ScheduledCompact, as all versions have it: a compaction
	// that was scheduled but not finished is resumed at boot. 0: there was none.
	CompactRevision                   int64
	FinishedCompact, ScheduledCompact int64

	// StorageVersion is set by etcd 3.6 and later, ClusterVersion by all: "3.6.0".
	StorageVersion, ClusterVersion string
	// ConsistentIndex and Term are those of the last raft entry that was applied. Term is kept since 3.5.
	ConsistentIndex, Term uint64
	ClusterMembers        []Member
	Alarms                []Alarm

	Leases       int
	AuthEnabled  bool
	AuthRevision uint64
	Users, Roles int
}

// Member is a member of the cluster, as this database knows it.
type Member struct {
	ID                   uint64
	Name                 string
	PeerURLs, ClientURLs []string
	Learner              bool
}

// Alarm is an alarm that was raised.
type Alarm struct {
	MemberID uint64
	// Type is "NOSPACE" or "CORRUPT", or a number from a version that knows more.
	Type string
}

// What a hostile file may make us hold in memory.
const (
	maxMembers    = 1024
	maxMemberSize = 64 << 10
	maxAlarms     = 4096
	maxVersion    = 64
)

// Head reads the metas, the small buckets and the last record. It checks what it reads and nothing else.
func (f *File) Head(ctx context.Context) (Head, error) {
	var h Head
	err := f.guard(func() (err error) {
		h, err = f.head(ctx)
		return err
	})
	if err != nil {
		return Head{}, err
	}
	return h, nil
}

func (f *File) head(ctx context.Context) (Head, error) {
	h := Head{PageSize: f.pageSize, Size: int64(len(f.data)), TxID: f.meta.txid}
	w := f.newWalk(ctx, nil)
	all, err := f.buckets(w)
	if err != nil {
		return Head{}, err
	}
	key, err := f.keyBucket(all)
	if err != nil {
		return Head{}, err
	}
	count := func(n *int) func(*page, int) error {
		return func(*page, int) error { *n++; return nil }
	}
	for _, small := range []struct {
		bucket string
		read   func(p *page, i int) error
	}{
		{"alarm", h.readAlarm},
		{"auth", h.readAuth},
		{"authRoles", count(&h.Roles)},
		{"authUsers", count(&h.Users)},
		{"cluster", h.readCluster},
		{"lease", count(&h.Leases)},
		{"members", h.readMember},
		{"meta", h.readMeta},
	} {
		if err := w.each(find(all, small.bucket), small.read); err != nil {
			return Head{}, fmt.Errorf("bucket %q: %w", small.bucket, err)
		}
	}
	last, err := w.lastRevision(key)
	if err != nil {
		return Head{}, fmt.Errorf("bucket %q: %w", key.name, err)
	}
	h.CompactRevision = max(h.FinishedCompact, h.ScheduledCompact)
	h.Revision = max(1, last, h.CompactRevision)
	return h, nil
}

// lastRevision returns the main revision of the newest record, 0 when there is none.
func (w *walk) lastRevision(key *bucket) (int64, error) {
	var last int64
	found := errors.New("found")
	w.backward = true
	w.visit = func(p *page) error {
		if p.count == 0 {
			return nil
		}
		r, _, ok := parseRevision(p.key(p.count - 1))
		if !ok {
			return p.damage(p.count-1, "the key is not a revision")
		}
		last = r.Main
		return found
	}
	if err := w.bucket(*key); err != nil && !errors.Is(err, found) {
		return 0, err
	}
	return last, nil
}

func (h *Head) readMeta(p *page, i int) error {
	value, ok := p.value(i), true
	switch string(p.key(i)) {
	case "finishedCompactRev":
		h.FinishedCompact, ok = parseCompaction(value)
	case "scheduledCompactRev":
		h.ScheduledCompact, ok = parseCompaction(value)
	case "consistent_index":
		h.ConsistentIndex, ok = parseUint64(value)
	case "term":
		h.Term, ok = parseUint64(value)
	case "storageVersion":
		h.StorageVersion, ok = parseVersion(value)
	}
	return mustBe(ok, p, i)
}

func (h *Head) readCluster(p *page, i int) error {
	ok := true
	if string(p.key(i)) == "clusterVersion" {
		h.ClusterVersion, ok = parseVersion(p.value(i))
	}
	return mustBe(ok, p, i)
}

func (h *Head) readAuth(p *page, i int) error {
	value, ok := p.value(i), true
	switch string(p.key(i)) {
	case "authEnabled":
		h.AuthEnabled = string(value) == "\x01"
	case "authRevision":
		h.AuthRevision, ok = parseUint64(value)
	}
	return mustBe(ok, p, i)
}

// readMember reads what etcd writes with encoding/json, under the id in hexadecimal.
func (h *Head) readMember(p *page, i int) error {
	if len(p.value(i)) > maxMemberSize || len(h.ClusterMembers) == maxMembers {
		return p.damage(i, "too many members, or too large ones")
	}
	id, err := strconv.ParseUint(string(p.key(i)), 16, 64)
	if err != nil {
		return p.damage(i, "the key is not a member id")
	}
	var m struct {
		Name       string   `json:"name"`
		PeerURLs   []string `json:"peerURLs"`
		ClientURLs []string `json:"clientURLs"`
		IsLearner  bool     `json:"isLearner"`
	}
	if err := json.Unmarshal(p.value(i), &m); err != nil {
		return p.damage(i, "member %x: %v", id, err)
	}
	h.ClusterMembers = append(h.ClusterMembers, Member{
		ID: id, Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs, Learner: m.IsLearner,
	})
	return nil
}

// readAlarm reads an etcdserverpb.AlarmMember, which is the key; there is no value.
func (h *Head) readAlarm(p *page, i int) error {
	if len(h.Alarms) == maxAlarms {
		return p.damage(i, "too many alarms")
	}
	var a Alarm
	var kind uint64
	for b := p.key(i); len(b) > 0; {
		f, size := nextField(b)
		if size == 0 {
			return p.damage(i, "the alarm can't be decoded")
		}
		b = b[size:]
		switch f.tag {
		case 1<<3 | wireVarint:
			a.MemberID = f.number
		case 2<<3 | wireVarint:
			kind = f.number
		}
	}
	switch kind {
	case 1:
		a.Type = "NOSPACE"
	case 2:
		a.Type = "CORRUPT"
	default:
		a.Type = strconv.FormatUint(kind, 10)
	}
	h.Alarms = append(h.Alarms, a)
	return nil
}

func mustBe(ok bool, p *page, i int) error {
	if !ok {
		return p.damage(i, "the value has the wrong form")
	}
	return nil
}

func parseUint64(b []byte) (uint64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

func parseVersion(b []byte) (string, bool) {
	if len(b) > maxVersion {
		return "", false
	}
	return string(b), true
}
