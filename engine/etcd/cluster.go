package etcd

import (
	"slices"
	"strings"
)

// Cluster is what the members said about themselves and each other, all asked at about the same time.
type Cluster struct {
	// ID of the cluster. It stays the same for its life; a restore makes a new one.
	ID uint64
	// Members in the order of their names. A member that was not asked, or did not answer, is listed too. So is an
	// endpoint that did not answer and belongs to no known member; its ID is 0.
	Members []Member
	// Quorum: at least one member served a linearizable read, which takes a majority.
	Quorum bool
	// Leader that the members with quorum agree on; 0 without one. Term is its raft term.
	Leader, Term uint64
	// Revision is the newest that any member reported.
	Revision int64
	// Alarms raised in the cluster.
	Alarms []Alarm
}

// Member is one member of the cluster as far as it is known.
type Member struct {
	// ID; 0 when an endpoint did not answer and nobody else knows it.
	ID   uint64
	Name string
	// Learner: it does not vote and may be far behind.
	Learner bool
	// PeerURLs and ClientURLs as the cluster has them.
	PeerURLs, ClientURLs []string
	// Endpoint at which it was asked; "" when no endpoint leads to it.
	Endpoint string
	// Status is its answer; nil when it was not asked or did not answer.
	Status *Status
	// Err says why an asked member did not answer.
	Err error
	// ReadErr says why it answered but did not serve a linearizable read. Not set for learners, which never do.
	ReadErr error
}

// Status is a member's view of itself.
type Status struct {
	// Version of the server. StorageVersion of its database, "" before etcd 3.6. A new cluster settles on it some
	// seconds after its start.
	Version, StorageVersion string
	// Leader it follows; 0 for none.
	Leader uint64
	// RaftTerm it is in, RaftIndex it knows to be committed, RaftApplied it has applied to its database.
	RaftTerm, RaftIndex, RaftApplied uint64
	// Revision of its key space.
	Revision int64
	// DBSize of the file, DBInUse of it, and Quota (0 before etcd 3.6), in bytes.
	DBSize, DBInUse, Quota int64
	// Errors it reports beyond alarms and a missing leader, which stand in Cluster.Alarms and Leader.
	Errors []string
}

// Answers says whether the member answered.
func (m *Member) Answers() bool { return m.Status != nil }

// Label names the member for people: its name, else its endpoint, else its id in the form that etcd prints.
func (m *Member) Label() string {
	switch {
	case m.Name != "":
		return m.Name
	case m.Endpoint != "":
		return m.Endpoint
	}
	return FormatID(m.ID)
}

// AlarmKind is the name of an alarm.
type AlarmKind string

// The alarms that etcd has.
const (
	// NoSpace: the database has reached its quota; etcd refuses writes.
	NoSpace AlarmKind = "NOSPACE"
	// Corrupt: members' data differ; etcd serves what it has.
	Corrupt AlarmKind = "CORRUPT"
)

// Alarm is raised by or about a member; Member is 0 when etcd can't tell which one.
type Alarm struct {
	Member uint64
	Kind   AlarmKind
}

// HasAlarm says whether any member raised it.
func (c *Cluster) HasAlarm(kind AlarmKind) bool {
	return slices.ContainsFunc(c.Alarms, func(a Alarm) bool { return a.Kind == kind })
}

// Lag is how many committed raft entries a member has yet to apply, as far as any answering member knows. 0 for a
// member that does not answer.
func (c *Cluster) Lag(m *Member) uint64 {
	if m.Status == nil {
		return 0
	}
	newest := m.Status.RaftIndex
	for _, other := range c.Members {
		if other.Status != nil {
			newest = max(newest, other.Status.RaftIndex)
		}
	}
	if newest < m.Status.RaftApplied {
		return 0
	}
	return newest - m.Status.RaftApplied
}

// MemberByID returns the member, or nil.
func (c *Cluster) MemberByID(id uint64) *Member {
	for i := range c.Members {
		if c.Members[i].ID == id {
			return &c.Members[i]
		}
	}
	return nil
}

// parseAlarms finds alarms among the errors of a Status, and returns what is left. It is how alarms are known when
// the cluster can't be asked for them: that takes quorum. etcd prints them as protobuf text, "memberID:42 alarm:NOSPACE".
func parseAlarms(errors []string) (alarms []Alarm, rest []string) {
	for _, text := range errors {
		if alarm, ok := parseAlarm(text); ok {
			alarms = append(alarms, alarm)
		} else if text != noLeaderText {
			rest = append(rest, text)
		}
	}
	return alarms, rest
}

// noLeaderText is how a Status says it a second time.
const noLeaderText = "etcdserver: no leader"

func parseAlarm(text string) (Alarm, bool) {
	var a Alarm
	for _, field := range strings.Fields(text) {
		key, value, _ := strings.Cut(field, ":")
		switch key {
		case "memberID":
			a.Member = parseDecimal(value)
		case "alarm":
			a.Kind = AlarmKind(value)
		default:
			return Alarm{}, false
		}
	}
	return a, a.Kind != ""
}
