package restoring

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// wait waits until the cluster is as it should be.
type wait struct {
	base
	settings step.HealthySettings
}

// waitPoll is short: until the wait ends nobody is served, or the next machine does not come back.
const waitPoll = 250 * time.Millisecond

// Do implements step.Step. It ends at the step's deadline, with what was missing last.
func (s *wait) Do(ctx context.Context, report step.Report) (any, error) {
	inst, err := s.Driver.Discover(ctx)
	if err != nil {
		return nil, err
	}
	m := &own{member: inst.DataDir != "", cfg: inst.Client}
	defer m.close()
	last := ""
	for {
		var seen step.HealthyEvidence
		missing := s.missing(ctx, m, &seen)
		if missing == "" {
			return seen, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", last, context.Cause(ctx))
		}
		if last != missing {
			report("waiting: "+missing, "")
		}
		last = missing
		select {
		case <-time.After(waitPoll):
		case <-ctx.Done():
		}
	}
}

// own is this machine's member, where it has one.
type own struct {
	member bool
	cfg    etcd.Config
	client *etcd.Client
}

// dial connects once it is possible: a server that joins anew makes the certificates only when it starts.
func (o *own) dial(ctx context.Context) (err error) {
	if o.client == nil {
		o.client, err = etcd.Dial(ctx, o.cfg)
	}
	return err
}

func (o *own) close() {
	if o.client != nil {
		o.client.Close()
	}
}

// missing says what is not yet as it should be, "" when nothing is, and notes what it saw.
func (s *wait) missing(ctx context.Context, m *own, seen *step.HealthyEvidence) string {
	if m.member {
		if err := m.dial(ctx); err != nil {
			return "etcd can't be asked on this machine: " + err.Error()
		}
		if missing := s.ailing(ctx, m.client, seen); missing != "" {
			return missing
		}
	}
	return s.unready(ctx)
}

// unready says what keeps the distribution from serving on this machine, where that is asked for.
func (s *wait) unready(ctx context.Context) string {
	if !s.settings.Serves {
		return ""
	}
	k, ok := s.Driver.(distro.Kubernetes)
	if !ok {
		return errNoKubernetes.Error()
	}
	if err := k.Ready(ctx); err != nil {
		return "it is not ready: " + err.Error()
	}
	return ""
}

// ailing says what etcd still lacks.
func (s *wait) ailing(ctx context.Context, client *etcd.Client, seen *step.HealthyEvidence) string {
	cluster, err := client.Inspect(ctx)
	if err != nil {
		return "etcd does not answer on this machine: " + err.Error()
	}
	var names []string
	for _, m := range cluster.Members {
		if m.ID != 0 && m.Name != "" {
			names = append(names, m.Name)
		}
	}
	*seen = step.HealthyEvidence{Members: len(names), Revision: cluster.Revision, ClusterID: etcd.FormatID(cluster.ID)}
	want := slices.Sorted(slices.Values(s.settings.Members))
	slices.Sort(names)
	switch {
	case s.settings.Learner:
		return s.notItself(cluster)
	case cluster.Leader == 0:
		return "the cluster has no leader"
	case !cluster.Quorum:
		return "the member serves no linearizable reads"
	case len(want) > 0 && !slices.Equal(names, want):
		return fmt.Sprintf("the members are %s, and should be %s", strings.Join(names, ", "), strings.Join(want, ", "))
	case cluster.Revision < s.settings.Revision:
		return fmt.Sprintf("it is at revision %d, and should be at %d", cluster.Revision, s.settings.Revision)
	}
	return s.notItself(cluster)
}

// notItself says what is wrong with this machine's own member, where one is expected.
func (s *wait) notItself(cluster etcd.Cluster) string {
	if s.settings.ClusterID == "" {
		return ""
	}
	i := slices.IndexFunc(cluster.Members, func(m etcd.Member) bool { return m.Answers() })
	switch {
	case i < 0:
		return "the member does not answer"
	case etcd.FormatID(cluster.ID) != s.settings.ClusterID:
		return fmt.Sprintf("it is part of etcd cluster %s, and should be of %s", etcd.FormatID(cluster.ID), s.settings.ClusterID)
	case s.settings.MemberID != "" && etcd.FormatID(cluster.Members[i].ID) != s.settings.MemberID:
		return fmt.Sprintf("it is member %s, and should be %s", etcd.FormatID(cluster.Members[i].ID), s.settings.MemberID)
	case cluster.Members[i].Status.Leader == 0:
		return "the member has no leader"
	case cluster.Members[i].Learner && !s.settings.Learner:
		return "the member has no vote yet"
	}
	return ""
}
