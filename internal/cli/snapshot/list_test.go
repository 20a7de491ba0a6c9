package snapshot

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func taken(name, node, backup string, old time.Duration) v1alpha1.EtcdSnapshot {
	return v1alpha1.EtcdSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.EtcdSnapshotSpec{SnapshotFacts: v1alpha1.SnapshotFacts{Created: metav1.NewTime(now.Add(-old)), Backup: backup, Node: node}},
	}
}

func TestTheFilesOfOneBackupStandTogetherAndTheNewestBackupFirst(t *testing.T) {
	list := byBackup([]v1alpha1.EtcdSnapshot{
		taken("old-n2", "n2", "b1", 5*time.Hour), taken("alone", "n1", "", 4*time.Hour), taken("new-n2", "n2", "b2", 61*time.Minute),
		taken("old-n1", "n1", "b1", 5*time.Hour+time.Minute), taken("new-n1", "n1", "b2", 60*time.Minute),
	})
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"new-n1", "new-n2", "alone", "old-n1", "old-n2"}, names); diff != "" {
		t.Errorf("order (-want +got): %s", diff)
	}
}

func copied(machine string, state v1alpha1.SnapshotState, evidence ...v1alpha1.Evidence) v1alpha1.SnapshotCopy {
	location := "s3://b/f"
	if machine != "" {
		location = "/" + machine
	}
	return v1alpha1.SnapshotCopy{Location: location, Machine: machine, CopyFacts: v1alpha1.CopyFacts{State: state, Evidence: evidence}}
}

func TestTheStrongestTestIsShownUnlessOneFailed(t *testing.T) {
	test := func(level, outcome string) v1alpha1.Evidence {
		return v1alpha1.Evidence{Level: level, Outcome: outcome, At: metav1.NewTime(now.Add(-time.Hour))}
	}
	for want, evidences := range map[string][]v1alpha1.Evidence{
		"-":                       {test("restore", "skipped")},
		"live passed 60m ago":     {test("live", "passed"), test("content", "passed")},
		"checksum failed 60m ago": {test("restore", "passed"), test("checksum", "failed")},
	} {
		s := &v1alpha1.EtcdSnapshot{Status: v1alpha1.EtcdSnapshotStatus{Copies: []v1alpha1.SnapshotCopy{copied("n1", v1alpha1.StateRestored, evidences...)}}}
		if got := evidence(now, s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTheCopyingCommandFitsWhereTheCopyLies(t *testing.T) {
	for _, test := range []struct {
		copy       v1alpha1.SnapshotCopy
		host, want string
	}{
		{copied("n1", ""), "10.0.0.1", "scp 'root@10.0.0.1:/n1' ."},
		{copied("n1", ""), "fd00::1", "scp 'root@[fd00::1]:/n1' ."},
	} {
		if got := copyCommand(&test.copy, test.host); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
