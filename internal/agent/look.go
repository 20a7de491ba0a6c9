package agent

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/schedule"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// look finds out how this machine is.
func (a *Agent) look(ctx context.Context, o orders) v1alpha1.MachineStatus {
	s := v1alpha1.MachineStatus{
		ObservedGeneration: o.Generation, AgentVersion: a.cfg.Version, Hostname: a.node(), Addresses: a.cfg.Peer.Advertise,
		TimeZone: schedule.LocalZone(),
	}
	if len(s.Addresses) == 0 {
		s.Addresses = addresses()
	}
	if e, err := restoring.ReadEpoch(a.cfg.StateDir); err == nil {
		s.RestoreEpoch = e.Epoch
	}
	due := a.schedule.condition()
	s.LastSchedule, s.NextSchedule = a.schedule.times()
	if a.mirrors(o) {
		seen := a.mirror.seen()
		due, s.LastSchedule, s.NextSchedule = seen.condition, seen.last, seen.next
	}
	paths := []string{a.cfg.StateDir}
	if d := a.driver(o); d != nil {
		paths = append(paths, a.lookAtEtcd(ctx, o, d, &s)...)
	}
	s.Disks = disks(paths)
	if due.Type != "" {
		s.Conditions = append(s.Conditions, due)
	}
	return s
}

// lookAtEtcd fills in what the distribution says, and returns its directories.
func (a *Agent) lookAtEtcd(ctx context.Context, o orders, d distro.Driver, s *v1alpha1.MachineStatus) (dirs []string) {
	fenced, err := d.Fenced()
	s.Conditions = append(s.Conditions, condition(v1alpha1.MachineFenced, err == nil && fenced, "Fenced", "NotFenced",
		"etcd is kept from starting", "etcd may start"))
	inst, err := d.Discover(ctx)
	if err != nil {
		s.Conditions = append(s.Conditions, condition(v1alpha1.MachineEtcdHealthy, false, "", "NotInstalled", "", err.Error()))
		return nil
	}
	s.DistroVersion, s.ConfigDigest, s.Distribution = cmp.Or(inst.DistroVersion, inst.Version), inst.ConfigDigest, inst.Distribution
	if reason, message := memberless(inst); reason != "" {
		if o.etcd() || inst.Distribution.Datastore != v1alpha1.DatastoreNone {
			s.Conditions = append(s.Conditions, condition(v1alpha1.MachineEtcdHealthy, false, "", reason, "", message))
		}
		return nil
	}
	if inst.Member != "" {
		// What a restore makes of this machine when its member has never run, or does not run.
		s.EtcdConfig = &v1alpha1.EtcdMemberConfig{Name: inst.Member, PeerURLs: inst.PeerURLs, Version: inst.Version}
	}
	member, err := distro.Look(ctx, inst.Client)
	healthy := condition(v1alpha1.MachineEtcdHealthy, err == nil && member.Role != "", "Answering", "NoLeader", "the member answers and has a leader", "the member answers and has no leader")
	if err != nil {
		healthy.Reason, healthy.Message = "Silent", clip(err.Error(), 1024)
		if s.Etcd, err = distro.LookAtDisk(ctx, inst); err != nil {
			a.cfg.Log.Debug("the member gives no answer, nor can its data be read", "error", err)
		}
	} else {
		s.Etcd = member
		if s.EtcdConfig != nil && s.EtcdConfig.Version == "" {
			s.EtcdConfig.Version = member.Version
		}
		a.metrics.sawMember(member)
	}
	s.Conditions = append(s.Conditions, healthy)
	if inst.SnapshotDir != "" {
		return []string{inst.DataDir, inst.SnapshotDir}
	}
	return []string{inst.DataDir}
}

func condition(kind string, is bool, yes, no, yesText, noText string) metav1.Condition {
	if is {
		return metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: yes, Message: yesText}
	}
	return metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: no, Message: noText}
}

// merge puts this agent's conditions among those that others wrote.
func merge(have, own []metav1.Condition, now time.Time) []metav1.Condition {
	out := slices.Clone(have)
	for _, c := range own {
		c.LastTransitionTime = metav1.NewTime(now)
		meta.SetStatusCondition(&out, c)
	}
	return out
}

func disks(paths []string) []v1alpha1.Disk {
	var out []v1alpha1.Disk
	for _, path := range paths {
		var fs unix.Statfs_t
		if unix.Statfs(path, &fs) != nil {
			continue // a data directory that is not there yet lies on no disk
		}
		out = append(out, v1alpha1.Disk{
			Path:  path,
			Total: *resource.NewQuantity(int64(fs.Blocks)*fs.Bsize, resource.BinarySI),
			Free:  *resource.NewQuantity(int64(fs.Bavail)*fs.Bsize, resource.BinarySI),
		})
	}
	return out
}

func clip(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}
