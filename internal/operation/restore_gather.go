package operation

import (
	"fmt"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// preflightAgain repeats the checks now that nobody else can change anything.
func (r *restoring) preflightAgain() bool {
	id := r.id("check")
	r.also(r.workers(), id, step.Preflight, r.preflightSettings)
	if !r.every(filter(r.asked(), func(m *Machine) bool { return !r.isWorker(m) }), id, step.Preflight, "checks all machines once more", r.preflightSettings) {
		return false
	}
	if bad := r.failedChecks(); bad != "" {
		r.give("PreflightFailed", "a check failed: "+bad)
		return false
	}
	return true
}

// beginSafety chooses who takes the safety snapshot. A survivor's is what the others are restored from.
func (r *restoring) beginSafety() string {
	taker := r.machine(r.status.Plan.Survivor)
	if taker == nil && (r.spec.SafetySnapshot == nil || *r.spec.SafetySnapshot) {
		for _, m := range r.servers() {
			if m.unready() == "" && (taker == nil || taker.leads()) {
				taker = m
			}
		}
	}
	if taker == nil {
		message := "no healthy member could give one"
		if r.spec.SafetySnapshot != nil && !*r.spec.SafetySnapshot {
			message = "switched off"
		}
		r.check("SafetySnapshot", "-", checkWarning, "none is taken: "+message)
		return ""
	}
	r.status.Steps = append(r.status.Steps, v1alpha1.StepStatus{
		Machine: taker.Name, Step: string(step.SaveSnapshot), ID: r.id("safety"), Outcome: v1alpha1.StepWaiting,
	})
	return "takes a safety snapshot on " + taker.Name
}

// taker of the safety snapshot; nil when there is none.
func (r *restoring) taker() []*Machine {
	for _, s := range r.status.Steps {
		if s.ID == r.id("safety") {
			if m := r.machine(s.Machine); m != nil {
				return []*Machine{m}
			}
		}
	}
	return nil
}

func (r *restoring) safety() bool {
	set := step.SaveSettings{
		Base: snapshot.NameSafety, Trigger: string(snapshot.TriggerSafety), Verify: v1alpha1.VerifyContent,
		Backup: fmt.Sprintf("%s-%d", snapshot.NameSafety, r.status.Started.Unix()),
		// The copy in S3 can wait: etcd has been asked to stop, and the local one is moved by nothing.
		S3: false, Salvage: r.status.Plan.Survivor != "",
	}
	if !r.every(r.taker(), r.id("safety"), step.SaveSnapshot, "takes a safety snapshot", func(*Machine) any { return set }) {
		return false
	}
	if e := r.saved(); e != nil {
		r.status.SafetySnapshot = v1alpha1.SnapshotObjectName(e.File)
	} else if r.status.Plan.Survivor != "" {
		r.give("StepFailed", "the survivor says nothing of the snapshot that it took")
		return false
	}
	return true
}

// saved is the safety snapshot's local copy.
func (r *restoring) saved() *v1alpha1.SnapshotFile {
	var e step.SaveEvidence
	for _, m := range r.taker() {
		if evidence(m, r.id("safety"), &e) && len(e.Files) > 0 {
			return &e.Files[0]
		}
	}
	return nil
}

// copy that the data is made from.
func (r *restoring) copy() step.Copy {
	if s := r.status.Plan.Snapshot; s != nil {
		return step.Copy{Location: s.Location, Machine: s.Machine, SHA256: s.SHA256, Size: s.Size}
	}
	if f := r.saved(); f != nil {
		return step.Copy{Location: f.Location, Machine: r.status.Plan.Survivor, SHA256: f.SHA256, Size: f.Size}
	}
	return step.Copy{Machine: r.status.Plan.Survivor}
}

// escrow is the location of the copy beside which machines look for the escrow: one in S3, which all with etcd reach, before
// the one that is restored from. "" before there is a plan.
func (r *restoring) escrow() string {
	if r.status.Plan == nil || r.status.Plan.Snapshot == nil {
		return ""
	}
	if s := r.snapshot(r.status.Plan.Snapshot.Name); s != nil {
		for _, c := range s.Status.Copies {
			if c.Machine == "" {
				return c.Location
			}
		}
	}
	return r.status.Plan.Snapshot.Location
}

// fetchers are the machines that can't read the copy from their own disk.
func (r *restoring) fetchers() []string {
	var list []string
	for _, m := range r.makers() {
		if m.Name != r.copy().Machine {
			list = append(list, m.Name)
		}
	}
	return list
}

func (r *restoring) beginServe() string {
	if r.copyMachine() == "" || len(r.fetchers()) == 0 {
		return ""
	}
	return "offers the snapshot to the others"
}

func (r *restoring) copyMachine() string {
	if r.status.Plan.Snapshot != nil {
		return r.status.Plan.Snapshot.Machine
	}
	return r.status.Plan.Survivor
}

func (r *restoring) serve() bool {
	set := step.ServeSettings{Copy: r.copy(), Machines: r.fetchers()}
	holder := r.machine(set.Copy.Machine)
	if holder == nil {
		r.give("MachineFailed", "machine "+set.Copy.Machine+", which holds the snapshot, was removed")
		return false
	}
	return r.every([]*Machine{holder}, r.id("serve"), step.ServeSnapshot, "offers the snapshot", func(*Machine) any { return set })
}

func (r *restoring) fetch() bool {
	var offer step.ServeEvidence
	if holder := r.machine(r.copy().Machine); holder != nil {
		evidence(holder, r.id("serve"), &offer)
	}
	done := r.every(r.makers(), r.id("fetch"), step.FetchSnapshot, "fetches the snapshot", func(m *Machine) any {
		set := step.FetchSettings{Copy: r.copy()}
		if m.Name != set.Copy.Machine {
			set.URLs = offer.URLs
		}
		return set
	})
	if !done {
		return false
	}
	if err := r.same(); err != nil {
		r.give("NotTheSame", err.Error())
		return false
	}
	return true
}

// same tells whether all machines hold the same bytes, and those of the plan.
func (r *restoring) same() error {
	var first *step.FetchEvidence
	for _, m := range r.makers() {
		var e step.FetchEvidence
		switch want := r.copy().SHA256; {
		case !evidence(m, r.id("fetch"), &e):
			return fmt.Errorf("machine %s does not say what it fetched", m.Name)
		case want != "" && e.SHA256 != want:
			return fmt.Errorf("machine %s holds other bytes than planned: SHA-256 %s, not %s", m.Name, e.SHA256, want)
		case first == nil:
			first = &e
		case e.SHA256 != first.SHA256 || e.Revision != first.Revision || e.ContentHash != first.ContentHash:
			return fmt.Errorf("machine %s holds another snapshot than the others", m.Name)
		}
	}
	return nil
}
