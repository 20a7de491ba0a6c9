package etcd

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// said is the answer of a member of cluster 9 led by member 1.
func said(endpoint string, id uint64, change func(*answer)) answer {
	a := answer{
		endpoint: endpoint,
		status: &pb.StatusResponse{
			Header: &pb.ResponseHeader{ClusterId: 9, MemberId: id, Revision: 40 + int64(id)}, Version: "3.6.1",
			Leader: 1, RaftTerm: 2, RaftIndex: 100, RaftAppliedIndex: 100, DbSize: 2048, DbSizeInUse: 1024,
		},
		members: []*pb.Member{
			{ID: 1, Name: "a", ClientURLs: []string{"https://10.0.0.1:2379"}, PeerURLs: []string{"https://10.0.0.1:2380"}},
			{ID: 2, Name: "b", ClientURLs: []string{"https://10.0.0.2:2379", "https://b:2379"}},
			{ID: 3, Name: "c", ClientURLs: []string{"https://10.0.0.3:2379"}, IsLearner: true},
		},
	}
	if change != nil {
		change(&a)
	}
	return a
}

var errDown = errors.New("down")

func down(endpoint string) answer { return answer{endpoint: endpoint, err: errDown} }

// row is what the tests look at.
type row struct {
	ID             uint64
	Name, Endpoint string
	Answers        bool
	Err            error
}

func rows(c Cluster) []row {
	var got []row
	for _, m := range c.Members {
		got = append(got, row{m.ID, m.Name, m.Endpoint, m.Answers(), m.Err})
	}
	return got
}

func checkRows(t *testing.T, answers []answer, want []row) Cluster {
	t.Helper()
	c := assemble(answers)
	if diff := cmp.Diff(want, rows(c), cmpopts.EquateErrors()); diff != "" {
		t.Error(diff)
	}
	return c
}

func TestMembersThatWereNotAskedAreListed(t *testing.T) {
	c := checkRows(t, []answer{said("https://b:2379", 2, nil)}, []row{
		{1, "a", "", false, nil}, {2, "b", "https://b:2379", true, nil}, {3, "c", "", false, nil},
	})
	if !c.Quorum || c.Leader != 1 || c.Term != 2 || c.ID != 9 || c.Revision != 42 || !c.Members[2].Learner {
		t.Errorf("got %+v", c)
	}
}

func TestAMemberThatIsDownIsKnownByItsClientURL(t *testing.T) {
	c := checkRows(t, []answer{down("10.0.0.1:2379"), said("x:2379", 2, nil), down("https://elsewhere:2379")}, []row{
		{1, "a", "10.0.0.1:2379", false, errDown},
		{2, "b", "x:2379", true, nil},
		{3, "c", "", false, nil},
		{0, "", "https://elsewhere:2379", false, errDown},
	})
	if c.Lag(&c.Members[0]) != 0 {
		t.Error("a member that is down lags")
	}
}

func TestTwoEndpointsOfOneMemberAreOneRow(t *testing.T) {
	answers := []answer{down("https://10.0.0.2:2379"), said("lb:2379", 2, nil), said("https://b:2379", 2, nil)}
	checkRows(t, answers, []row{{1, "a", "", false, nil}, {2, "b", "lb:2379", true, nil}, {3, "c", "", false, nil}})
	answers[0], answers[2] = answers[2], answers[0]
	checkRows(t, answers, []row{{1, "a", "", false, nil}, {2, "b", "https://b:2379", true, nil}, {3, "c", "", false, nil}})
}

func TestTheMembershipIsThatOfTheMemberWhichIsFurthest(t *testing.T) {
	old := said("https://b:2379", 2, func(a *answer) {
		a.status.RaftAppliedIndex = 50
		a.members = append(a.members, &pb.Member{ID: 4, Name: "removed"})
	})
	for _, answers := range [][]answer{{old, said("a:2379", 1, nil)}, {said("a:2379", 1, nil), old}} {
		c := checkRows(t, answers, []row{
			{1, "a", "a:2379", true, nil}, {2, "b", "https://b:2379", true, nil}, {3, "c", "", false, nil},
		})
		if lag := c.Lag(&c.Members[1]); lag != 50 {
			t.Errorf("lag %d", lag)
		}
	}
}

func TestALearnerAloneIsAClusterOfWhichNothingElseIsKnown(t *testing.T) {
	learner := said("c:2379", 3, func(a *answer) { a.members, a.status.IsLearner = nil, true })
	c := checkRows(t, []answer{learner}, []row{{3, "", "c:2379", true, nil}})
	if c.Quorum || c.Leader != 0 || !c.Members[0].Learner {
		t.Errorf("got %+v", c)
	}
}

func TestALeaderCountsOnlyFromMembersThatCanRead(t *testing.T) {
	cut := said("b:2379", 2, func(a *answer) { a.readErr, a.status.Leader, a.status.RaftTerm = errDown, 2, 99 })
	c := assemble([]answer{said("a:2379", 1, nil), cut})
	if c.Leader != 1 || c.Term != 2 || !c.Quorum {
		t.Errorf("got leader %d, term %d", c.Leader, c.Term)
	}
	if c = assemble([]answer{cut}); c.Leader != 0 || c.Quorum {
		t.Errorf("got leader %d, quorum %v", c.Leader, c.Quorum)
	}
}

func TestAlarmsAreReadFromStatusErrorsToo(t *testing.T) {
	c := assemble([]answer{said("a:2379", 1, func(a *answer) {
		a.status.Errors = []string{
			"etcdserver: no leader", "memberID:3 alarm:NOSPACE ", "memberID:18446744073709551615  alarm:CORRUPT", "alarm:CORRUPT", "disk on fire",
		}
	}), said("b:2379", 2, func(a *answer) { a.status.Errors = []string{"memberID:3 alarm:NOSPACE"} })})
	want := []Alarm{{0, Corrupt}, {3, NoSpace}, {1<<64 - 1, Corrupt}}
	if diff := cmp.Diff(want, c.Alarms); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"disk on fire"}, c.Members[0].Status.Errors); diff != "" {
		t.Error(diff)
	}
}

func TestAllClientURLsOfMembersNotYetReachedAreAskedNext(t *testing.T) {
	answers := []answer{said("a:2379", 1, nil), down("https://b:2379")}
	want := []string{"https://10.0.0.2:2379", "https://10.0.0.3:2379"}
	if diff := cmp.Diff(want, furtherURLs(answers)); diff != "" {
		t.Error(diff)
	}
}

func TestItIsAnErrorOnlyWhenTheAnswersAreWorthNothing(t *testing.T) {
	refused := &problem.Error{Kind: problem.Unreachable, Op: opReach, Subject: "a:2379", Why: "connection refused", Next: "start it"}
	denied := &problem.Error{Kind: problem.Denied, Op: "log in to etcd at", Subject: "a:2379", Why: "no user", Next: "give one"}
	unread := func(err error) func(*answer) { return func(a *answer) { a.readErr = err } }
	for _, c := range []struct {
		name    string
		answers []answer
		want    string
		kind    problem.Kind
	}{
		{"one of two", []answer{said("a:2379", 1, nil), down("b:2379")}, "", 0},
		{"no quorum", []answer{said("a:2379", 1, unread(errDown))}, "", 0},
		{"one, down", []answer{{endpoint: "a:2379", err: refused}}, "reach etcd at a:2379: connection refused (start it)", problem.Unreachable},
		{
			"two, down", []answer{{endpoint: "a:2379", err: refused}, {endpoint: "b:2379", err: denied}},
			"reach etcd at 2 endpoints: a:2379: connection refused; b:2379: no user (start it)", problem.Unreachable,
		},
		{
			"two, denied", []answer{{endpoint: "a:2379", err: denied}, {endpoint: "b:2379", err: denied}},
			"reach etcd at a:2379, b:2379: no user (give one)", problem.Denied,
		},
		{"login wanted", []answer{down("b:2379"), said("a:2379", 1, unread(denied))}, "log in to etcd at a:2379: no user (give one)", problem.Denied},
		{
			"two clusters", []answer{said("a:2379", 1, nil), said("b:2379", 2, func(a *answer) { a.status.Header.ClusterId = 171 })},
			"look at the cluster: the endpoints belong to different clusters: a:2379 belongs to cluster 9, b:2379 belongs to cluster ab " +
				"(name the endpoints of one cluster with --endpoints)", problem.Refused,
		},
	} {
		err := verdict(c.answers)
		got := ""
		if err != nil {
			got = told(err)
		}
		if got != c.want || err != nil && problem.KindOf(err) != c.kind {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
