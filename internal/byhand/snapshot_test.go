package byhand

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	engine "github.com/holdfast-dev/holdfast/engine/snapshot"
)

func copied(machine string, state v1alpha1.SnapshotState) v1alpha1.SnapshotCopy {
	location := "s3://b/f"
	if machine != "" {
		location = "/" + machine
	}
	return v1alpha1.SnapshotCopy{Location: location, Machine: machine, CopyFacts: v1alpha1.CopyFacts{State: state}}
}

func TestTheBestCopyPromisesMostAndNeedsNoNetwork(t *testing.T) {
	for want, copies := range map[string][]v1alpha1.SnapshotCopy{
		"/n1":      {copied("", v1alpha1.StateRestored), copied("n1", v1alpha1.StateRestored)},
		"s3://b/f": {copied("n1", v1alpha1.StateComplete), copied("", v1alpha1.StateProven)},
		"/n2":      {copied("n1", v1alpha1.StateDamaged), copied("", v1alpha1.StateMissing), copied("n2", v1alpha1.StateUnverified)},
		"":         {copied("n1", v1alpha1.StateDamaged), copied("", v1alpha1.StateFailed)},
	} {
		got := ""
		if c := BestCopy(&v1alpha1.EtcdSnapshot{Status: v1alpha1.EtcdSnapshotStatus{Copies: copies}}); c != nil {
			got = c.Location
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTheEncodingFollowsFromTheNameAndTheDistribution(t *testing.T) {
	for _, test := range []struct {
		file   string
		distro v1alpha1.Distro
		want   engine.Encoding
	}{
		{"a.db", v1alpha1.DistroEtcd, engine.EncodingRaw},
		{"a.db.zst", v1alpha1.DistroEtcd, engine.EncodingZstd},
		{"etcd-snapshot-n1-1795312800.zip", v1alpha1.DistroK3s, engine.EncodingZip},
		{"c-9dmxz-rl-8b2cx_2026-11-22T02:00:00Z.zip", v1alpha1.DistroRKE, engine.EncodingRKE},
	} {
		if got := encodingOf(test.file, test.distro); got != test.want {
			t.Errorf("%s of %s: %s, want %s", test.file, test.distro, got, test.want)
		}
	}
}

func TestEachDistributionIsResetByItsOwnProgram(t *testing.T) {
	for distro, want := range map[v1alpha1.Distro]string{
		v1alpha1.DistroK3s: "k3s server --cluster-reset ", v1alpha1.DistroRKE2: "rke2 server --cluster-reset ",
	} {
		s := &v1alpha1.EtcdSnapshot{Status: v1alpha1.EtcdSnapshotStatus{Copies: []v1alpha1.SnapshotCopy{copied("n1", v1alpha1.StateProven)}}}
		page, found := OfSnapshot(s, &v1alpha1.Cluster{Spec: v1alpha1.ClusterSpec{Distro: distro}}, nil)
		if text := page.Text(); !found || !strings.HasPrefix(text, "# On machine n1:\n") || !strings.Contains(text, "\n"+want) {
			t.Errorf("%s: %s", distro, text)
		}
	}
}
