package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// joinRetry is how often a member that may not join yet tries again: etcd takes one learner at a time.
const joinRetry = time.Second

// Join announces this member to the others as a learner, and returns the initial cluster to start with. What an earlier
// member with the same address has left is removed first, as the distributions do.
func (m *Member) Join(ctx context.Context, clientURLs []string) (string, error) {
	cli, err := m.Client(clientURLs...)
	if err != nil {
		return "", err
	}
	defer cli.Close()
	name, err := m.Name()
	if err != nil {
		return "", err
	}
	for {
		cluster, err := m.add(ctx, cli, name)
		if err == nil {
			return cluster, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("etcd cluster join failed: %w", err)
		case <-time.After(joinRetry):
		}
	}
}

func (m *Member) add(ctx context.Context, cli *clientv3.Client, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	list, err := cli.MemberList(ctx)
	if err != nil {
		return "", err
	}
	for _, other := range list.Members {
		if !slices.Contains(other.PeerURLs, m.PeerURL()) {
			continue
		}
		if other.Name == "" && other.IsLearner {
			return initialCluster(list.Members, m.PeerURL(), name), nil // an attempt whose answer was lost
		}
		if _, err := cli.MemberRemove(ctx, other.ID); err != nil {
			return "", err
		}
	}
	added, err := cli.MemberAddAsLearner(ctx, []string{m.PeerURL()})
	if err != nil {
		return "", err
	}
	return initialCluster(added.Members, m.PeerURL(), name), nil
}

func initialCluster(members []*etcdserverpb.Member, own, name string) string {
	var cluster []string
	for _, member := range members {
		for _, u := range member.PeerURLs {
			if u == own {
				cluster = append(cluster, name+"="+u)
			} else {
				cluster = append(cluster, member.Name+"="+u)
			}
		}
	}
	return strings.Join(cluster, ",")
}

// Promote makes members of learners that have caught up, if this member leads. It returns whether it leads.
func (m *Member) Promote(ctx context.Context, cli *clientv3.Client) (bool, error) {
	status, err := cli.Status(ctx, Loopback)
	if err != nil || status.Header.MemberId != status.Leader {
		return false, err
	}
	list, err := cli.MemberList(ctx)
	if err != nil {
		return true, err
	}
	for _, member := range list.Members {
		if member.IsLearner && member.Name != "" {
			cli.MemberPromote(ctx, member.ID) // one that is not in sync yet is tried again
		}
	}
	return true, nil
}

// Remove takes another member, by its name, out of the cluster. One that is not in it is fine.
func (m *Member) Remove(ctx context.Context, cli *clientv3.Client, name string) error {
	list, err := cli.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, member := range list.Members {
		if member.Name != name {
			continue
		}
		if _, err := cli.MemberRemove(ctx, member.ID); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return nil
}
