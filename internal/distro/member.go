package distro

import (
	"context"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/etcd"
)

// Errors about a member.
var (
	// ErrNoMember: what answers knows no member of its own.
	ErrNoMember = errors.New("the endpoint does not lead to a member")
)

// Look asks the machine's own member how it is. A member without quorum answers, too: that is what a survivor is known by.
func Look(ctx context.Context, cfg etcd.Config) (*v1alpha1.EtcdMember, error) {
	client, err := etcd.Dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	cluster, err := client.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	out, err := Describe(cluster)
	if err != nil {
		return nil, err
	}
	// Whoever may take snapshots need not be allowed to read keys, and an API server may encrypt what it stores.
	out.KubernetesUID, _ = kubernetesUID(ctx, client, client.Endpoints()[0])
	return out, nil
}

// Describe words what an inspection of one member's endpoint showed.
func Describe(cluster etcd.Cluster) (*v1alpha1.EtcdMember, error) {
	i := slices.IndexFunc(cluster.Members, func(m etcd.Member) bool { return m.Answers() })
	if i < 0 {
		return nil, ErrNoMember
	}
	m := &cluster.Members[i]
	out := &v1alpha1.EtcdMember{
		ID: etcd.FormatID(m.ID), ClusterID: etcd.FormatID(cluster.ID), Name: m.Name, Role: role(m),
		Version: m.Status.Version, Revision: m.Status.Revision,
		Size:      resource.NewQuantity(m.Status.DBSize, resource.BinarySI),
		InUse:     resource.NewQuantity(m.Status.DBInUse, resource.BinarySI),
		RaftIndex: int64(m.Status.RaftApplied), RaftTerm: int64(m.Status.RaftTerm),
	}
	for _, a := range cluster.Alarms {
		if !slices.Contains(out.Alarms, string(a.Kind)) {
			out.Alarms = append(out.Alarms, string(a.Kind))
		}
	}
	for _, other := range cluster.Members {
		if other.ID != 0 {
			out.Members = append(out.Members, v1alpha1.PeerMember{
				ID: etcd.FormatID(other.ID), Name: other.Name, PeerURLs: other.PeerURLs, Learner: other.Learner,
			})
		}
	}
	return out, nil
}

func role(m *etcd.Member) string {
	switch {
	case m.Learner:
		return "learner"
	case m.Status.Leader == 0:
		return "" // nobody knows
	case m.Status.Leader == m.ID:
		return "leader"
	}
	return "follower"
}
