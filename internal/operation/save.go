package operation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// How a save goes:
//
//	phase           stage      what happens                                        leaves when
//	Pending         Lock       waits for the cluster's lock                        it has it; 1 h: Failed
//	Started         Followers  SaveSnapshot on each healthy follower               all have ended; 1 h
//	Started         Leader     SaveSnapshot on the leader                          it has ended; 1 h
//	RestartCluster  Followers  their plans are cleared                             they have seen it; 3 min
//	RestartCluster  Leader     the leader's plan is cleared                        it has seen it; 3 min
//	Finished, Failed, Cancelled
//
// One machine that fails does not keep the others from finishing: their copies are good, and stay. A machine that does
// not answer is waited for as long as it may come back within the deadline, but for at most five minutes of silence.
const (
	stageFollowers = "Followers"
	stageLeader    = "Leader"

	lockPatience = time.Hour
	saveLimit    = time.Hour
	clearLimit   = 3 * time.Minute
)

// DecideSave decides how a save goes on. The object is not changed.
func DecideSave(save *v1alpha1.EtcdSnapshotSave, seen *Observed) (v1alpha1.EtcdSnapshotSaveStatus, Decision) {
	status := *save.Status.DeepCopy()
	s := &saving{
		course: newCourse(seen, "EtcdSnapshotSave", &save.ObjectMeta, &status.OperationStatus),
		spec:   &save.Spec, status: &status, cancelled: save.Spec.Cancel || !save.DeletionTimestamp.IsZero(),
	}
	s.decide()
	return status, s.close(!equality.Semantic.DeepEqual(status, save.Status))
}

type saving struct {
	*course
	spec      *v1alpha1.EtcdSnapshotSaveSpec
	status    *v1alpha1.EtcdSnapshotSaveStatus
	cancelled bool
}

func (s *saving) decide() {
	if s.status.Phase.Ended() {
		s.release()
		return
	}
	s.record()
	s.recordFiles()
	switch s.status.Phase {
	case "", v1alpha1.PhasePending:
		s.pend()
	case v1alpha1.PhaseStarted:
		s.save()
	default:
		s.restart()
	}
}

func (s *saving) pend() {
	if s.cancelled {
		s.fail(reasonCancelled, "cancelled before it began")
		s.end()
		return
	}
	if s.acquire(lockPatience) {
		s.start()
	}
}

// start chooses the machines and their order, the leader last. Who is skipped stays skipped, also when it recovers.
func (s *saving) start() {
	s.status.Started = s.in(0)
	s.status.Skipped = s.skip()
	s.status.Backup = fmt.Sprintf("%s-%d", s.base(), s.Now.Unix())
	var followers, leaders []v1alpha1.StepStatus
	for _, m := range s.etcdMachines() {
		row := v1alpha1.StepStatus{Machine: m.Name, Step: string(step.SaveSnapshot), ID: s.id("save"), Outcome: v1alpha1.StepWaiting}
		switch {
		case !s.wanted(m.Name) || m.unready() != "":
		case m.leads():
			leaders = append(leaders, row)
		default:
			followers = append(followers, row)
		}
	}
	s.status.Steps = append(followers, leaders...)
	if len(s.status.Steps) == 0 {
		s.fail("NoHealthyMachine", "no machine could take a snapshot: "+s.skipped())
		s.end()
		return
	}
	s.enter(v1alpha1.PhaseStarted, stageFollowers, saveLimit, "takes a snapshot on "+names(s.chosen()))
}

func (s *saving) wanted(machine string) bool {
	return len(s.spec.Machines) == 0 || slices.Contains(s.spec.Machines, machine)
}

// chosen machines in their order, without those that were removed since.
func (s *saving) chosen() []*Machine {
	var list []*Machine
	for _, r := range s.status.Steps {
		if m := s.machine(r.Machine); m != nil {
			list = append(list, m)
		}
	}
	return list
}

// turn is who is concerned in this stage: all but the last, or the last.
func (s *saving) turn() []*Machine {
	chosen := s.chosen()
	if len(chosen) == 0 {
		return nil
	}
	if s.status.Stage == stageFollowers {
		return chosen[:len(chosen)-1]
	}
	return chosen[len(chosen)-1:]
}

func (s *saving) skip() []v1alpha1.SkippedMachine {
	var skipped []v1alpha1.SkippedMachine
	for _, m := range s.etcdMachines() {
		if why := m.unready(); why != "" && s.wanted(m.Name) {
			skipped = append(skipped, v1alpha1.SkippedMachine{Machine: m.Name, Reason: why})
		}
	}
	for _, name := range s.spec.Machines {
		switch m := s.machine(name); {
		case m == nil:
			skipped = append(skipped, v1alpha1.SkippedMachine{Machine: name, Reason: "the cluster has no such machine"})
		case !m.has(v1alpha1.RoleEtcd):
			skipped = append(skipped, v1alpha1.SkippedMachine{Machine: name, Reason: "it has not the role etcd"})
		}
	}
	return skipped
}

func (s *saving) save() {
	if s.cancelled {
		s.fail(reasonCancelled, "cancelled; copies that are complete stay")
		s.leave()
		return
	}
	for _, m := range s.turn() {
		s.want(m, s.id("save"), step.SaveSnapshot, s.settings(m))
	}
	switch t := s.tally(s.turn(), s.id("save")); {
	case len(t.waiting) > 0 && !s.late():
		s.say("takes a snapshot: waits for %s", names(t.waiting))
	case s.status.Stage == stageFollowers:
		s.enter(v1alpha1.PhaseStarted, stageLeader, saveLimit, "takes a snapshot on the last machine")
	default:
		s.judge()
		s.leave()
	}
}

// judge finds out what came of it.
func (s *saving) judge() {
	t := s.tally(s.chosen(), s.id("save"))
	bad := t.failed
	for _, m := range t.waiting {
		bad = append(bad, m.Name+": not done in "+about(saveLimit))
	}
	for _, r := range s.status.Steps {
		if s.machine(r.Machine) == nil {
			bad = append(bad, r.Machine+": it was removed")
		}
	}
	for _, k := range s.status.Skipped {
		if slices.Contains(s.spec.Machines, k.Machine) {
			bad = append(bad, k.Machine+", which was asked for: "+k.Reason)
		}
	}
	if len(bad) == 0 {
		return
	}
	text := "no snapshot on " + strings.Join(bad, "; ")
	if len(t.done) > 0 {
		text += "; good copies are on " + names(t.done)
	}
	s.fail("MachineFailed", text)
}

func (s *saving) leave() {
	s.enter(v1alpha1.PhaseRestartCluster, stageFollowers, clearLimit, "puts the machines back on their normal plan")
}

// restart restarts nothing: it takes the plans back, from the followers first.
func (s *saving) restart() {
	var waiting []*Machine
	for _, m := range s.turn() {
		if !s.clear(m) {
			waiting = append(waiting, m)
		}
	}
	switch {
	case len(waiting) > 0 && !s.late():
		s.say("puts the machines back on their normal plan: waits for %s", names(waiting))
	case s.status.Stage == stageFollowers:
		s.enter(v1alpha1.PhaseRestartCluster, stageLeader, clearLimit, "puts the last machine back on its normal plan")
	case s.failure() == nil:
		s.end(s.summary())
	default:
		s.end()
	}
}

func (s *saving) base() string {
	switch {
	case s.spec.Name != "":
		return s.spec.Name
	case s.spec.PreChange:
		return snapshot.NamePreChange
	}
	return snapshot.NameManual
}

func (s *saving) settings(m *Machine) step.SaveSettings {
	trigger := snapshot.TriggerManual
	if s.spec.PreChange {
		trigger = snapshot.TriggerPreChange
	}
	return step.SaveSettings{
		Base: s.base(), Trigger: string(trigger), Backup: s.status.Backup, Verify: s.verify(m), S3: s.Cluster.Spec.Etcd.S3 != nil,
	}
}

// verify says how the machine tests its copy: one trial restore is enough for a backup, and the leader has other work.
func (s *saving) verify(m *Machine) v1alpha1.VerifyLevel {
	level := word(string(s.Cluster.Spec.Etcd.Verify), string(v1alpha1.VerifyRestore))
	if level == string(v1alpha1.VerifyRestore) && s.chosen()[0].Name != m.Name {
		return v1alpha1.VerifyContent
	}
	return v1alpha1.VerifyLevel(level)
}

// recordFiles writes down what was saved, by the names that the catalogue will give it.
func (s *saving) recordFiles() {
	for i := range s.Machines {
		m := &s.Machines[i]
		var saved step.SaveEvidence
		if !s.mine(m) || !evidence(m, s.id("save"), &saved) {
			continue
		}
		for _, f := range saved.Files {
			if name := v1alpha1.SnapshotObjectName(f.File); !slices.Contains(s.status.Snapshots, name) {
				s.status.Snapshots = append(s.status.Snapshots, name)
			}
		}
	}
}

func (s *saving) summary() string {
	t := s.tally(s.chosen(), s.id("save"))
	text := "snapshots were taken on " + names(t.done)
	if len(s.status.Skipped) > 0 {
		text += "; skipped: " + s.skipped()
	}
	return text
}

func (s *saving) skipped() string {
	if len(s.status.Skipped) == 0 {
		return "the cluster has no machine with etcd"
	}
	list := make([]string, len(s.status.Skipped))
	for i, k := range s.status.Skipped {
		list[i] = k.Machine + ": " + k.Reason
	}
	return strings.Join(list, "; ")
}
