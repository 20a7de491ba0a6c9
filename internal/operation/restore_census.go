package operation

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// census sorts the machines with etcd by what they report of their members.
type census struct {
	// clusterID of the etcd cluster that counts as this cluster's. Machines may be part of others: those that were cut off
	// during a restore still run the old one.
	clusterID string
	// table of its members, as the one that has seen most knows it.
	table []v1alpha1.PeerMember
	// healthy machines of it; wrong says of each other one what is wrong.
	healthy []*Machine
	wrong   map[string]string
}

// census of what is seen now.
func (o *Observed) census() *census {
	c := &census{wrong: map[string]string{}}
	machines := o.etcdMachines()
	c.elect(machines)
	for _, m := range machines {
		switch e := m.Status.Etcd; {
		case m.unready() != "":
			c.wrong[m.Name] = m.unready()
		case e.ClusterID != c.clusterID:
			c.wrong[m.Name] = fmt.Sprintf("its member is part of another etcd cluster: %s, not %s", e.ClusterID, c.clusterID)
		default:
			c.healthy = append(c.healthy, m)
		}
	}
	return c
}

// elect finds the etcd cluster that counts: that of the last restore, then the one with the most healthy machines.
func (c *census) elect(machines []*Machine) {
	type candidate struct {
		epoch          int64
		healthy, total int
		newest         *Machine
	}
	all := map[string]*candidate{}
	for _, m := range machines {
		e := m.Status.Etcd
		if !m.Alive || e == nil || e.ID == "" || m.is(v1alpha1.MachineStale) {
			continue
		}
		one := all[e.ClusterID]
		if one == nil {
			one = &candidate{newest: m}
			all[e.ClusterID] = one
		}
		one.epoch = max(one.epoch, m.Status.RestoreEpoch)
		one.total++
		if m.unready() == "" {
			one.healthy++
		}
		if e.RaftIndex > one.newest.Status.Etcd.RaftIndex {
			one.newest = m
		}
	}
	var best *candidate
	for id, one := range all {
		order := 1
		if best != nil {
			order = cmp.Or(cmp.Compare(one.epoch, best.epoch), cmp.Compare(one.healthy, best.healthy), cmp.Compare(one.total, best.total), cmp.Compare(id, c.clusterID))
		}
		if order > 0 {
			best, c.clusterID = one, id
		}
	}
	if best != nil {
		c.table = best.newest.Status.Etcd.Members
	}
}

// majority tells whether the healthy machines, without the ones named, are a majority of the members that vote. Members
// on machines without an agent count as lost: nobody tells how they are.
func (c *census) majority(without ...string) bool {
	voters, well := 0, 0
	for _, peer := range c.table {
		if peer.Learner {
			continue
		}
		voters++
		if m := c.machineOf(peer.ID); m != nil && !slices.Contains(without, m.Name) {
			well++
		}
	}
	return voters > 0 && well >= voters/2+1
}

// machineOf is the healthy machine with a member.
func (c *census) machineOf(member string) *Machine {
	for _, m := range c.healthy {
		if m.Status.Etcd.ID == member {
			return m
		}
	}
	return nil
}

// survivorWithMost is the machine whose member lost quorum and has seen most; nil without one.
func (d *draft) survivorWithMost() *Machine {
	var best *Machine
	for _, m := range d.etcdMachines() {
		e := m.Status.Etcd
		if !m.Alive || e == nil || e.ID == "" || e.ClusterID != d.clusterID || m.is(v1alpha1.MachineStale) {
			continue
		}
		if best == nil || e.RaftIndex > best.Status.Etcd.RaftIndex {
			best = m
		}
	}
	return best
}

// newestEpoch that the cluster or any of its machines has: one may have been restored without the manager.
func (o *Observed) newestEpoch() int64 {
	newest := o.Cluster.Status.RestoreEpoch
	for i := range o.Machines {
		newest = max(newest, o.Machines[i].Status.RestoreEpoch)
	}
	return newest
}

func plainNames(machines []*Machine) []string {
	list := make([]string, len(machines))
	for i, m := range machines {
		list[i] = m.Name
	}
	return list
}
