package operation

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// inS3Alone has the snapshot lie nowhere else.
func inS3Alone(w *world) { w.catalog[0].Status.Copies = w.catalog[0].Status.Copies[1:] }

// keeps are the machines that keep what they have fetched for the restore.
func keeps(w *world) string {
	var names []string
	for _, m := range w.observe().Machines {
		if len(m.Plan.Spec.Keep) > 0 {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestWhatAPlanHasFetchedFromS3StaysUntilTheRestoreIsOver(t *testing.T) {
	for name, test := range map[string]struct {
		decide func(*v1alpha1.EtcdSnapshotRestore)
		phase  v1alpha1.Phase
	}{
		"it is approved":  {func(r *v1alpha1.EtcdSnapshotRestore) { r.Spec.ApprovedPlan = r.Status.Plan.Digest }, v1alpha1.PhaseFinished},
		"it is refused":   {func(r *v1alpha1.EtcdSnapshotRestore) { r.Spec.ApprovedPlan = "sha256:of-another" }, v1alpha1.PhaseFailed},
		"it is cancelled": {func(r *v1alpha1.EtcdSnapshotRestore) { r.Spec.Cancel = true }, v1alpha1.PhaseCancelled},
		"nobody cares":    {func(*v1alpha1.EtcdSnapshotRestore) {}, v1alpha1.PhaseCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			w := joinWorld(t, "w1")
			inS3Alone(w)
			r := from(snap)
			restores(w, r, time.Minute)
			if got := keeps(w); got != "a" || w.nodes["a"].Plan.Spec.Operation != nil {
				t.Fatalf("before the approval %q keep it; %s", got, r.Status.Message)
			}
			for key, settings := range w.handed {
				if strings.Contains(settings, `"fetches":true`) != strings.HasPrefix(key, "a ") {
					t.Errorf("%s: %s", key, settings)
				}
			}
			test.decide(r)
			restores(w, r, 26*time.Hour)
			if got := keeps(w); got != "" || r.Status.Phase != test.phase {
				t.Errorf("%s: %s; kept by %q", r.Status.Phase, r.Status.Message, got)
			}
		})
	}
}

func TestAnotherOperationLeavesWhatAMachineKeeps(t *testing.T) {
	m := &Machine{}
	m.Name, m.Plan.Spec.Keep = "a", []string{uid}
	status := &v1alpha1.OperationStatus{Deadline: &metav1.Time{}}
	save := newCourse(&Observed{}, "EtcdSnapshotSave", &metav1.ObjectMeta{Name: "nightly", UID: "5-6"}, status)
	save.want(m, save.id("save"), step.SaveSnapshot, nil)
	m.Plan.Spec = save.Plans["a"]
	save.Plans = nil
	save.clear(m)
	if diff := cmp.Diff([]string{uid}, save.Plans["a"].Keep); diff != "" {
		t.Error(diff)
	}
}

// A machine without etcd has no access to the place where the escrow lies.
func TestTheTokenOutOfTheEscrowIsHandedOnToMachinesWithoutEtcd(t *testing.T) {
	w := joinWorld(t, "cp1", "w1", "w2")
	inS3Alone(w)
	w.nodes["a"].do[step.FetchSnapshot] = func() (any, error) {
		return step.FetchEvidence{SHA256: "aa", Size: 10, Revision: 4000, ContentHash: 7, Token: []byte("sealed")}, nil
	}
	for _, name := range []string{"c", "cp1", "w1"} {
		w.nodes[name].Status.Distribution.TokenDigest = ""
	}
	r := from(snap)
	r.Spec.SecretName = "for-restore"
	approve(t, w, r)
	if text := strings.Join(r.Status.Plan.Text, "\n"); !strings.Contains(text, "w1 will join the cluster through https://a:6443, as before, with the token from Secret for-restore.") {
		t.Error(text)
	}
	restores(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	got := map[string]string{}
	for key, settings := range w.handed {
		if machine, step, _ := strings.Cut(key, " "); strings.Contains(step, " point-") {
			got[machine] = settings
		}
	}
	const plain, sealed = `PointServer{"server":"https://a:6443"}`, `PointServer{"server":"https://a:6443","token":"c2VhbGVk"}`
	// b and w2 have the snapshot's token.
	if diff := cmp.Diff(map[string]string{"a": `PointServer{}`, "c": plain, "cp1": sealed, "w1": sealed}, got); diff != "" {
		t.Error(diff)
	}
}
