package etcd

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// FormatID prints a member or cluster id as etcd does: in hexadecimal, without leading zeros.
func FormatID(id uint64) string { return strconv.FormatUint(id, 16) }

func parseDecimal(text string) uint64 {
	id, _ := strconv.ParseUint(text, 10, 64)
	return id
}

// verdict says whether the answers are worth anything.
func verdict(answers []answer) error {
	var failed []answer
	clusters := map[uint64]string{}
	readable := false
	for _, a := range answers {
		if a.err != nil {
			failed = append(failed, a)
			continue
		}
		clusters[a.status.Header.ClusterId] = a.endpoint
		readable = readable || a.readErr == nil
	}
	switch {
	case len(failed) == len(answers):
		return nobody(failed)
	case len(clusters) > 1:
		return differentClusters(clusters)
	case readable:
		return nil
	}
	// Before etcd 3.6 a Status needs no login. With reads refused, everything that follows would be too.
	for _, a := range answers {
		if a.err == nil && problem.KindOf(a.readErr) == problem.Denied {
			return a.readErr
		}
	}
	return nil
}

// nobody is the error when no endpoint answered: the one reason if they all have the same, else one per endpoint.
func nobody(failed []answer) error {
	if len(failed) == 1 {
		return failed[0].err
	}
	kind := problem.KindOf(failed[0].err)
	var endpoints, why []string
	for _, a := range failed {
		if problem.KindOf(a.err) != kind {
			kind = problem.Unreachable
		}
		endpoints = append(endpoints, a.endpoint)
		why = append(why, causeOf(a.err))
	}
	e := &problem.Error{
		Kind: kind, Op: opReach, Subject: strings.Join(endpoints, ", "), Why: why[0], Next: problem.NextOf(failed[0].err),
		Err: cause{why: why[0], err: failed[0].err},
	}
	if len(slices.Compact(slices.Clone(why))) > 1 {
		for i := range why {
			why[i] = endpoints[i] + ": " + why[i]
		}
		e.Subject, e.Why = fmt.Sprintf("%d endpoints", len(failed)), strings.Join(why, "; ")
	}
	return e
}

func differentClusters(clusters map[uint64]string) error {
	var parts []string
	for id, endpoint := range clusters {
		parts = append(parts, fmt.Sprintf("%s belongs to cluster %s", endpoint, FormatID(id)))
	}
	slices.Sort(parts)
	return &problem.Error{
		Kind: problem.Refused, Op: "look at the cluster", Why: "the endpoints belong to different clusters: " + strings.Join(parts, ", "),
		Next: "name the endpoints of one cluster with --endpoints",
	}
}

// assemble joins the membership with what each member said about itself. It is pure.
func assemble(answers []answer) Cluster {
	var c Cluster
	for _, m := range membership(answers) {
		c.Members = append(c.Members, Member{
			ID: m.ID, Name: m.Name, Learner: m.IsLearner, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs,
		})
	}
	for _, a := range answers {
		c.place(a)
	}
	for _, a := range answers {
		if a.err == nil {
			c.ID = a.status.Header.ClusterId
			c.Revision = max(c.Revision, a.status.Header.Revision)
			alarms, _ := parseAlarms(a.status.Errors)
			c.Alarms = append(c.Alarms, alarms...)
		}
	}
	c.Alarms = distinct(c.Alarms)
	c.elect()
	slices.SortStableFunc(c.Members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Label(), b.Label()), cmp.Compare(a.ID, b.ID))
	})
	return c
}

// membership is the member list of the member that is furthest ahead: the others' may be older.
func membership(answers []answer) []*pb.Member {
	var best []*pb.Member
	var applied uint64
	for _, a := range answers {
		if a.err == nil && a.members != nil && (best == nil || a.status.RaftAppliedIndex > applied) {
			best, applied = a.members, a.status.RaftAppliedIndex
		}
	}
	return best
}

// place puts an answer at its member. When two endpoints lead to one member the first one that answered stands.
func (c *Cluster) place(a answer) {
	m := c.find(a)
	switch {
	case m == nil:
		c.Members = append(c.Members, Member{})
		m = &c.Members[len(c.Members)-1]
	case m.Status != nil:
		return
	}
	m.Endpoint, m.Err = a.endpoint, a.err
	if a.err != nil {
		return
	}
	m.ID = a.status.Header.MemberId
	m.Learner = a.status.IsLearner
	m.Status = statusOf(a.status)
	m.ReadErr = a.readErr
}

// find tells the member by its id when it answered, and by its address when it did not.
func (c *Cluster) find(a answer) *Member {
	if a.err == nil {
		return c.MemberByID(a.status.Header.MemberId)
	}
	for i := range c.Members {
		if slices.ContainsFunc(c.Members[i].ClientURLs, func(url string) bool { return sameAddress(url, a.endpoint) }) {
			return &c.Members[i]
		}
	}
	return nil
}

func sameAddress(a, b string) bool {
	x, errX := parseEndpoint(a)
	y, errY := parseEndpoint(b)
	return errX == nil && errY == nil && x.network == y.network && x.address == y.address
}

// elect finds the leader that those follow who have just shown that they belong to the majority.
func (c *Cluster) elect() {
	for _, m := range c.Members {
		if m.Status == nil || m.Learner || m.ReadErr != nil {
			continue
		}
		c.Quorum = true
		if m.Status.Leader != 0 && m.Status.RaftTerm >= c.Term {
			c.Leader, c.Term = m.Status.Leader, m.Status.RaftTerm
		}
	}
}

func statusOf(s *pb.StatusResponse) *Status {
	_, rest := parseAlarms(s.Errors)
	return &Status{
		Version: s.Version, StorageVersion: s.StorageVersion,
		Leader: s.Leader, RaftTerm: s.RaftTerm, RaftIndex: s.RaftIndex, RaftApplied: s.RaftAppliedIndex,
		Revision: s.Header.Revision,
		DBSize:   s.DbSize, DBInUse: s.DbSizeInUse, Quota: s.DbSizeQuota,
		Errors: rest,
	}
}

func distinct(alarms []Alarm) []Alarm {
	slices.SortFunc(alarms, func(a, b Alarm) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Kind, b.Kind))
	})
	return slices.Compact(alarms)
}
