package step

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

func TestEachKindOfEvidenceIsToldInAFewWords(t *testing.T) {
	sum := strings.Repeat("ab12", 16)
	for _, tt := range []struct {
		evidence any
		want     string
	}{
		{nil, ""},
		{SaveEvidence{Files: []v1alpha1.SnapshotFile{
			{Location: "/s/on-demand-n1-17.db", File: "on-demand-n1-17.db", CopyFacts: v1alpha1.CopyFacts{Size: 29 << 20, State: v1alpha1.StateRestored}},
			{Location: "s3://b/f/on-demand-n1-17.db.zst", File: "on-demand-n1-17.db.zst", CopyFacts: v1alpha1.CopyFacts{Size: 3 << 20, State: v1alpha1.StateComplete}},
		}}, "on-demand-n1-17.db 29 MiB, restored; in S3 3.0 MiB, complete"},
		{TaskEvidence{Results: []v1alpha1.TaskResult{{Outcome: v1alpha1.ResultPassed}, {Outcome: v1alpha1.ResultFailed}, {Outcome: v1alpha1.ResultPassed}}}, "2 passed, 1 failed"},
		{PreflightEvidence{Checks: []v1alpha1.PreflightCheck{{Outcome: "Passed"}, {Outcome: "Warning"}}}, "1 passed, 1 with a warning"},
		{ServeEvidence{SHA256: sum, Size: 29 << 20}, "29 MiB, SHA-256 ab12ab12ab12…"},
		{FetchEvidence{SHA256: sum, Size: 29 << 20, Revision: 1234}, "29 MiB, SHA-256 ab12ab12ab12…, revision 1234"},
		{StopEvidence{WasRunning: true}, "it ran"},
		{StopEvidence{}, "it did not run"},
		{AsideEvidence{To: []string{"/var/lib/etcd.holdfast-u1", "/wal.holdfast-u1"}}, "to /var/lib/etcd.holdfast-u1 and /wal.holdfast-u1"},
		{AsideEvidence{To: []string{"/d.holdfast-u1"}, Copies: []string{"/a.holdfast-u1", "/b.holdfast-u1"}}, "to /d.holdfast-u1; 2 copies"},
		{AsideEvidence{Copies: []string{"/a.holdfast-u1"}}, "1 copy"},
		{AsideEvidence{}, "there was nothing"},
		{RestoreEvidence{Revision: 1234, ContentHash: 77}, "revision 1234, content hash 77"},
		{AdmitEvidence{ClusterID: "c", MemberID: "8e9e05c52194694d"}, "member 8e9e05c52194694d"},
		{AdmitEvidence{ClusterID: "c"}, "it is taken in when it starts"},
		{InstallSettings{Version: "v1.36.3+k3s1"}, "v1.36.3+k3s1"},
		{PointSettings{Server: "https://10.0.0.1:6443"}, "it joins https://10.0.0.1:6443"},
		{PointSettings{}, "it is a first server"},
		{HealthyEvidence{}, ""},
		{HealthyEvidence{Members: 3, Revision: 1234}, "3 members, revision 1234"},
		{HealthyEvidence{Members: 1, Revision: 2}, "1 member, revision 2"},
		{CommitEvidence{Epoch: 3}, "epoch 3"},
	} {
		if got := Told(tt.evidence); got != tt.want {
			t.Errorf("%+v: told %q, want %q", tt.evidence, got, tt.want)
		}
	}
}

func TestWhatIsToldOfEvidenceFitsAColumn(t *testing.T) {
	got := Told(AsideEvidence{To: []string{"/" + strings.Repeat("快照", 1000)}})
	if len(got) > maxTold || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// tells has a step tell of its progress, and give evidence.
type tells struct {
	Step
	evidence any
}

func (s tells) Do(ctx context.Context, report Report) (any, error) {
	_, err := s.Step.Do(ctx, report)
	report("under way", "")
	return s.evidence, err
}

func TestAStepThatIsDoneTellsItsEvidenceUntilItIsUndone(t *testing.T) {
	w := newWorld(t.TempDir(), []string{"a"})
	r := w.runner()
	r.Redact = func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }
	r.Make = func(req Request) (Step, error) {
		s, err := w.make(req)
		return tells{s, AsideEvidence{To: []string{"/hunter2"}}}, err
	}
	plan := planOf(1, "u1", "Replace", "a")
	if err := r.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if got := w.reports[0].Message; got != "to /***" {
		t.Errorf("done, it tells %q", got)
	}
	plan.Serial, plan.Undo = 2, true
	if err := r.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if got := w.reports[0].Message; got != "" {
		t.Errorf("undone, it tells %q", got)
	}
}
