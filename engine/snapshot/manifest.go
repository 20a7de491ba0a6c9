package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Schema names the format of a manifest. A reader refuses a manifest with another major version.
const Schema = "holdfast.dev/manifest/v1"

// Manifest describes one stored snapshot: all that a restore, a listing or a later proof needs to know without
// reading the payload. It holds no secret. docs/formats.md explains each field for people.
type Manifest struct {
	Schema string `json:"schema"`
	// File is the payload's name in the repository.
	File string `json:"file"`
	// UploadID binds the manifest to one upload of File: it rides in the payload's own metadata where the store keeps
	// any. Two nodes that upload under one name can so never mix payload and manifest.
	UploadID string `json:"uploadID"`
	// Backup groups the files of one run: the snapshots that several members took for one occasion.
	Backup  string    `json:"backup"`
	Name    string    `json:"name"`
	Node    string    `json:"node"`
	Trigger Trigger   `json:"trigger"`
	Created time.Time `json:"createdAt"`
	// ClusterID is Holdfast's own id of the cluster. It survives restores, unlike etcd's.
	ClusterID string `json:"clusterID"`

	Stored   Stored   `json:"stored"`
	Database Database `json:"database"`
	Source   Origin   `json:"source"`

	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
	// Config is the distribution's configuration on the node, without its secrets: a JSON object, key → value or values.
	Config json.RawMessage `json:"config,omitempty"`
	// TokenDigest names the token that keys in the database are sealed with, as k3s does: the first 12 hex digits of its
	// SHA-256.
	TokenDigest string `json:"tokenDigest,omitempty"`
	// Alarms that etcd had raised: "NOSPACE" or "CORRUPT".
	Alarms []string `json:"alarms,omitempty"`
	// Suspect says why the snapshot must not count as good although its bytes are what etcd sent: a corruption alarm,
	// or a member that was not healthy (--salvage).
	Suspect  string     `json:"suspect,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
	// Tool is the program and version that wrote the manifest.
	Tool string `json:"tool"`
}

// Trigger says why a snapshot was taken. Retention treats each differently (requirement C5).
type Trigger string

// The triggers.
const (
	TriggerRecurring Trigger = "recurring"
	TriggerManual    Trigger = "manual"
	TriggerPreChange Trigger = "pre-change"
	TriggerSafety    Trigger = "safety"
)

// Triggers are all that a caller may choose from.
var Triggers = []Trigger{TriggerRecurring, TriggerManual, TriggerPreChange, TriggerSafety}

// Base returns the base name that snapshots of this trigger get when nobody names them.
func (t Trigger) Base() string {
	switch t {
	case TriggerRecurring:
		return NameRecurring
	case TriggerPreChange:
		return NamePreChange
	case TriggerSafety:
		return NameSafety
	default:
		return NameManual
	}
}

// Stored describes the object in the repository.
type Stored struct {
	Encoding Encoding `json:"encoding"`
	Size     int64    `json:"size"`
	SHA256   string   `json:"sha256"`
}

// Database describes the etcd database inside the payload.
type Database struct {
	// Size in bytes, without the 32-byte trailer.
	Size int64 `json:"size"`
	// SHA256 of the database: the same value as the trailer.
	SHA256 string `json:"sha256"`
	// InUse is the part of Size that is reachable; the rest are free pages.
	InUse           int64 `json:"inUse,omitempty"`
	PageSize        int   `json:"pageSize"`
	Revision        int64 `json:"revision"`
	CompactRevision int64 `json:"compactRevision"`
	// HashKV is the hash that etcd's HashKV call returns at Revision and CompactRevision. Nil when the content was not
	// checked.
	HashKV  *uint32 `json:"hashKV,omitempty"`
	Records int64   `json:"records,omitempty"`
	Keys    int64   `json:"keys,omitempty"`
	Leases  int     `json:"leases"`
	// StorageVersion is the schema version written in the database: "3.6.0" and later. Empty before 3.6.
	StorageVersion string `json:"storageVersion,omitempty"`
	// ClusterVersion is the cluster's feature level: "3.5.0".
	ClusterVersion string `json:"clusterVersion,omitempty"`
}

// Origin says which member a snapshot came from.
type Origin struct {
	Endpoint    string   `json:"endpoint"`
	EtcdVersion string   `json:"etcdVersion"`
	ClusterID   string   `json:"etcdClusterID"`
	MemberID    string   `json:"memberID"`
	MemberName  string   `json:"memberName"`
	Leader      bool     `json:"leader"`
	Members     []Member `json:"members"`
}

// Member is one line of the cluster's member table at the time of the snapshot.
type Member struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	PeerURLs []string `json:"peerURLs"`
	Learner  bool     `json:"learner,omitempty"`
}

// Evidence is one test that the snapshot stood, failed or was spared.
type Evidence struct {
	Level   Level         `json:"level"`
	Outcome Outcome       `json:"outcome"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"tookNanoseconds"`
	// Reason says why it failed or was skipped, or how it was done.
	Reason string `json:"reason,omitempty"`
	// Host did it.
	Host string `json:"host,omitempty"`
}

// Level is how thoroughly a snapshot is tested. Each includes the ones before it.
type Level string

// The levels. docs/formats.md says what each has shown.
const (
	// LevelChecksum: etcd's appended SHA-256 and the stored one.
	LevelChecksum Level = "checksum"
	// LevelContent: also every page walked, every record decoded and in order, and the content hash computed.
	LevelContent Level = "content"
	// LevelRestore: also restored into a scratch directory and served by a real etcd.
	LevelRestore Level = "restore"
	// LevelLive stands beside the others: the cluster that the snapshot came from answered with the same content hash
	// later. It can't be asked for: the agent records it when the cluster has compacted.
	LevelLive Level = "live"
)

// Levels in rising order.
var Levels = []Level{LevelChecksum, LevelContent, LevelRestore}

// ParseLevel reads a level from a flag or a file.
func ParseLevel(s string) (Level, error) {
	for _, l := range Levels {
		if string(l) == s {
			return l, nil
		}
	}
	return "", fmt.Errorf("%q is no level of evidence: use checksum, content or restore", s)
}

// Covers reports whether a test of level l includes what other asks for.
func (l Level) Covers(other Level) bool { return l.rank() >= other.rank() }

func (l Level) rank() int {
	for i, known := range Levels {
		if l == known {
			return i
		}
	}
	return -1
}

// Outcome of a test.
type Outcome string

// The outcomes.
const (
	OutcomePassed  Outcome = "passed"
	OutcomeFailed  Outcome = "failed"
	OutcomeSkipped Outcome = "skipped"
)

// ConfigDigest is the SHA-256 of the configuration in hex, however it is spaced; empty when there is none.
func (m *Manifest) ConfigDigest() string {
	var config bytes.Buffer
	if len(m.Config) == 0 || json.Compact(&config, m.Config) != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(config.Bytes()))
}

// AddEvidence records tests. Of each level the latest is kept; a test that was skipped takes back nothing.
func (m *Manifest) AddEvidence(tests ...Evidence) {
	for _, e := range tests {
		if e.Outcome == OutcomeSkipped && m.outcome(e.Level) != "" && m.outcome(e.Level) != OutcomeSkipped {
			continue
		}
		m.Evidence = slices.DeleteFunc(m.Evidence, func(old Evidence) bool { return old.Level == e.Level })
		m.Evidence = append(m.Evidence, e)
	}
}

// Proved returns the highest level that the tests show as passed, "" when none. A failed level takes back what those
// above it had shown before.
func (m *Manifest) Proved() Level {
	var best Level
	for _, l := range Levels {
		switch m.outcome(l) {
		case OutcomeFailed:
			return best
		case OutcomePassed:
			best = l
		}
	}
	return best
}

// Damaged says whether the latest test of some level failed.
func (m *Manifest) Damaged() (reason string, damaged bool) {
	for _, e := range m.Evidence {
		if e.Outcome == OutcomeFailed {
			return e.Reason, true
		}
	}
	return "", false
}

func (m *Manifest) outcome(l Level) Outcome {
	for _, e := range m.Evidence {
		if e.Level == l {
			return e.Outcome
		}
	}
	return ""
}
