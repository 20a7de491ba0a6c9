package distro

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/datadir"
	"github.com/holdfast-dev/holdfast/engine/etcd"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// LookAtDisk tells of this machine's member what its data directory does. It is for a member that gives no answer: it may
// still be the one that has survived.
func LookAtDisk(ctx context.Context, inst *Installation) (*v1alpha1.EtcdMember, error) {
	m, err := datadir.Read(ctx, inst.dir())
	if err != nil {
		return nil, err
	}
	own := m.Self()
	out := &v1alpha1.EtcdMember{
		ID: etcd.FormatID(m.ID), ClusterID: etcd.FormatID(m.ClusterID), Name: own.Name, Offline: true,
		Version: cmp.Or(inst.Version, m.Head.ClusterVersion), Revision: m.Head.Revision,
		Size:      resource.NewQuantity(m.Head.Size, resource.BinarySI),
		RaftIndex: int64(m.Head.ConsistentIndex), RaftTerm: int64(m.Head.Term),
	}
	for _, other := range m.Head.ClusterMembers {
		out.Members = append(out.Members, v1alpha1.PeerMember{
			ID: etcd.FormatID(other.ID), Name: other.Name, PeerURLs: other.PeerURLs, Learner: other.Learner,
		})
	}
	return out, nil
}

func (i *Installation) dir() datadir.Dir { return datadir.Dir{Path: i.DataDir, WAL: i.WALDir} }

// Open begins a stream of a member's database.
type Open func(ctx context.Context) (snapshot.Stream, error)

// Fitting finds this machine's member fit to be saved from, and how: the member itself, or, to salvage what a survivor has,
// the disk of one that gives no answer.
func Fitting(ctx context.Context, client *etcd.Client, salvage bool, inst *Installation) (Fit, Open, error) {
	endpoint, dir := inst.Client.Endpoints[0], inst.dir()
	fit, err := settle(ctx, client, endpoint, salvage)
	if err == nil {
		return fit, func(ctx context.Context) (snapshot.Stream, error) {
			return client.Snapshot(ctx, fit.Own, etcd.StreamConfig{})
		}, nil
	}
	if !salvage || problem.KindOf(err) != problem.Unreachable || ctx.Err() != nil {
		return fit, nil, err
	}
	m, other := datadir.Read(ctx, dir)
	if other != nil {
		return fit, nil, errors.Join(err, fmt.Errorf("nor can its data be read from its disk: %w", other))
	}
	return lying(m, endpoint), func(ctx context.Context) (snapshot.Stream, error) { return datadir.OpenCopy(ctx, dir) }, nil
}

// lying is a member whose data lies on the disk.
func lying(m *datadir.Member, endpoint string) Fit {
	own := m.Self()
	fit := Fit{
		Cluster: etcd.Cluster{ID: m.ClusterID, Revision: m.Head.Revision},
		Own: etcd.Member{
			ID: m.ID, Name: own.Name, Endpoint: endpoint, PeerURLs: own.PeerURLs,
			Status: &etcd.Status{Version: m.Head.ClusterVersion, StorageVersion: m.Head.StorageVersion, Revision: m.Head.Revision, DBSize: m.Head.Size},
		},
		suspect: "copied from the disk of a member that gave no answer, because nothing else was left",
	}
	if m.Missing > 0 {
		fit.suspect += fmt.Sprintf("; its log holds %d entries more, which a start of the member would have brought in", m.Missing)
	}
	for _, other := range m.Head.ClusterMembers {
		fit.Cluster.Members = append(fit.Cluster.Members, etcd.Member{ID: other.ID, Name: other.Name, PeerURLs: other.PeerURLs, Learner: other.Learner})
	}
	return fit
}
