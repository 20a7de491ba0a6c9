package etcd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// DefaultMaxLag is how many raft entries a member may be behind. It is etcd's own limit: a member with a larger gap
// between what is committed and what is applied refuses writes.
const DefaultMaxLag = 5000

// Options say how strict Choose is.
type Options struct {
	// Salvage allows what an operator may decide and a schedule may not: to save from a cluster without quorum.
	Salvage bool
	// MaxLag in raft entries; 0 means DefaultMaxLag.
	MaxLag uint64
}

// Choice is the outcome of Choose.
type Choice struct {
	// Candidates in the order in which they should be tried.
	Candidates []Member
	// Skipped are all others, with the reason.
	Skipped []Skipped
	Flags   Flags
}

// Flags say what a snapshot from these candidates must be marked with.
type Flags struct {
	// NoSpace: the database has reached its quota. The data is sound.
	NoSpace bool
	// Suspect: etcd itself found members whose data differ. The snapshot must never count as good.
	Suspect bool
	// Salvaged: no healthy member was there, and Options.Salvage allowed another.
	Salvaged bool
}

// Skipped is a member that no snapshot should be taken from.
type Skipped struct {
	Member Member
	Reason string
}

// Choose decides from which members a snapshot may be taken (requirement S2). It is pure.
//
// With quorum and a leader, a member qualifies when it votes, answers, serves linearizable reads, is in the leader's
// term, reports no errors of its own and lags by no more than MaxLag. Followers come before the leader, which has the
// most to do, and of the followers the one that has applied most comes first. A member that a CORRUPT alarm names
// comes last of all instead of never: in a cluster of one it is all there is, and Flags.Suspect keeps the snapshot
// from being taken for a good one.
//
// When that leaves nobody, the error is of kind Refused, unless Salvage is set. Then any member that answers will do,
// the one that has applied most first: what is applied was committed by a majority, so more of it is always better,
// whatever else is wrong with the member. A learner is the last resort: it too holds only committed entries, but may
// be far behind.
//
// Skipped is filled in with an error too.
func Choose(c Cluster, o Options) (Choice, error) {
	if o.MaxLag == 0 {
		o.MaxLag = DefaultMaxLag
	}
	choice := Choice{Flags: Flags{NoSpace: c.HasAlarm(NoSpace), Suspect: c.HasAlarm(Corrupt)}}
	for _, m := range c.Members {
		if why := unfit(&c, &m, o.MaxLag); why != "" {
			choice.Skipped = append(choice.Skipped, Skipped{Member: m, Reason: why})
		} else {
			choice.Candidates = append(choice.Candidates, m)
		}
	}
	slices.SortStableFunc(choice.Candidates, func(a, b Member) int {
		return cmp.Or(
			before(!c.corrupt(&a), !c.corrupt(&b)),
			before(a.ID != c.Leader, b.ID != c.Leader),
			cmp.Compare(b.Status.RaftApplied, a.Status.RaftApplied),
		)
	})
	if len(choice.Candidates) > 0 {
		return choice, nil
	}
	if o.Salvage {
		return salvage(c, choice)
	}
	return choice, refusal(&c, choice.Skipped)
}

// unfit returns why a member should not be saved from, or "".
func unfit(c *Cluster, m *Member, maxLag uint64) string {
	switch {
	case m.Learner:
		return "it is a learner"
	case m.Endpoint == "":
		return "no endpoint leads to it"
	case m.Status == nil:
		return "it does not answer: " + causeOf(m.Err)
	case m.Status.Leader == 0:
		return "it has no leader"
	case m.ReadErr != nil:
		return "it serves no linearizable reads: " + causeOf(m.ReadErr)
	case m.Status.RaftTerm != c.Term:
		return fmt.Sprintf("it is in raft term %d, the leader in %d", m.Status.RaftTerm, c.Term)
	case c.Lag(m) > maxLag:
		return fmt.Sprintf("it lags %d raft entries behind, more than %d", c.Lag(m), maxLag)
	case len(m.Status.Errors) > 0:
		return "it reports " + strings.Join(m.Status.Errors, ", ")
	}
	return ""
}

// corrupt says whether a CORRUPT alarm names this member.
func (c *Cluster) corrupt(m *Member) bool {
	return slices.Contains(c.Alarms, Alarm{Member: m.ID, Kind: Corrupt})
}

// salvage takes whoever answers.
func salvage(c Cluster, choice Choice) (Choice, error) {
	silent := choice.Skipped[:0:0]
	for _, s := range choice.Skipped {
		if s.Member.Status != nil {
			choice.Candidates = append(choice.Candidates, s.Member)
		} else {
			silent = append(silent, s)
		}
	}
	if len(choice.Candidates) == 0 {
		return choice, refusal(&c, choice.Skipped)
	}
	slices.SortStableFunc(choice.Candidates, func(a, b Member) int {
		return cmp.Or(
			before(!a.Learner, !b.Learner),
			before(!c.corrupt(&a), !c.corrupt(&b)),
			cmp.Compare(b.Status.RaftApplied, a.Status.RaftApplied),
		)
	})
	choice.Skipped = silent
	choice.Flags.Salvaged = true
	return choice, nil
}

// refusal says why no member will do, with every member's reason.
func refusal(c *Cluster, skipped []Skipped) error {
	e := &problem.Error{
		Kind: problem.Refused, Op: "choose a member to save from",
		Next: "bring the members back, or save from what is left with --salvage",
	}
	switch {
	case len(skipped) == 0:
		e.Why = "the cluster has no members"
	case !c.Quorum:
		e.Why = "the cluster has no quorum"
	case c.Leader == 0:
		e.Why = "the cluster has no leader"
	default:
		e.Why = "no member is healthy"
	}
	var reasons []string
	for _, s := range skipped {
		reasons = append(reasons, s.Member.Label()+": "+s.Reason)
		if c.Quorum && s.Member.Endpoint == "" {
			e.Next = "ask the other members too: name their endpoints with --endpoints, or use --cluster"
		}
	}
	if len(reasons) > 0 {
		e.Why += " (" + strings.Join(reasons, "; ") + ")"
	}
	return e
}

// before orders true before false.
func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
