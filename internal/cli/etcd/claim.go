package etcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// claim makes sure that the repository is this cluster's, and returns Holdfast's id of it.
func (o *saveOptions) claim(ctx context.Context, repo *settings.Opened, etcdID uint64) (string, error) {
	owner, err := repo.Owner(ctx)
	if err != nil {
		return "", err
	}
	cluster, err := o.flags.Identities().ClusterID(cmp.Or(o.clusterID, repo.ClusterID), repo.Key, owner)
	if err != nil {
		return "", withComparison(ctx, repo, owner, etcd.FormatID(etcdID), err)
	}
	if err := repo.Claim(ctx, cluster.ID, o.takeOver); err != nil {
		return "", err
	}
	if cluster.Made != "" {
		o.console.Notef("Holdfast's id of this cluster is now %s, remembered in %s for %s. "+
			"Set it as clusterID in the config file: other users and machines do not find it there.", cluster.ID, cluster.Made, repo.Key)
	}
	return cluster.ID, nil
}

// withComparison adds to the refusal of a repository whose owner may be this cluster or not what helps to decide that:
// whether its newest snapshot came from this etcd. It decides nothing by itself, because etcd's id is a function of the
// members that a cluster began with, the same for every etcd that was started with the defaults, and another one after
// each restore.
func withComparison(ctx context.Context, repo *settings.Opened, owner *repository.Owner, etcdID string, refusal error) error {
	p, ok := errors.AsType[*problem.Error](refusal)
	if !ok || p.Kind != problem.Refused || owner == nil {
		return refusal
	}
	list, err := repo.List(ctx)
	if err != nil {
		return refusal // which says enough without it
	}
	for _, e := range list {
		if e.Manifest == nil || e.Manifest.ClusterID != owner.ClusterID {
			continue
		}
		compared := *p
		if theirs := e.Manifest.Source.ClusterID; theirs == etcdID {
			compared.Why += fmt.Sprintf("; its newest snapshot came from an etcd cluster with the same id as this one (%s)", etcdID)
		} else {
			compared.Why += fmt.Sprintf("; its newest snapshot came from etcd cluster %s, and this one is %s: another cluster, or restored since", theirs, etcdID)
		}
		return &compared
	}
	return refusal
}
