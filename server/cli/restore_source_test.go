package cli_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// TestEachSourceReachesTheManagerAndTheListSaysWhich: with --at the manager chooses; with a survivor nothing is restored;
// with --replace the others serve on.
func TestEachSourceReachesTheManagerAndTheListSaysWhich(t *testing.T) {
	t.Setenv("TZ", "UTC")
	l := start(t)
	fleet(l)
	at := metav1.NewTime(time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC))
	for _, test := range []struct {
		args []string
		want v1alpha1.RestoreSource
		list string
	}{
		{[]string{"--latest-proven"}, v1alpha1.RestoreSource{LatestProven: true}, "latest proven"},
		{[]string{"--at", "2026-11-22T02:00:00Z"}, v1alpha1.RestoreSource{At: &at}, "2026-11-22T02:00:00Z"},
		{[]string{"--survivor", "n2"}, v1alpha1.RestoreSource{Survivor: "n2"}, "member on n2"},
		{[]string{"--replace", "n3"}, v1alpha1.RestoreSource{Replace: "n3"}, "a new member on n3"},
		{[]string{"--s3-uri", "s3://backups/prod/a.db"}, v1alpha1.RestoreSource{S3URI: "s3://backups/prod/a.db"}, "s3://backups/prod/a.db"},
		{[]string{"--file", "/var/a.db"}, v1alpha1.RestoreSource{File: "/var/a.db"}, "/var/a.db"},
	} {
		t.Run(strings.TrimLeft(test.args[0], "-"), func(t *testing.T) {
			var list v1alpha1.EtcdSnapshotRestoreList
			c := l.begin(t.Context(), "", append([]string{"restore", "plan", "prod"}, test.args...)...)
			r := the(l, "prod", &list, func() []v1alpha1.EtcdSnapshotRestore { return list.Items })
			got := r.Spec.Source
			if got.At != nil {
				got.At = &metav1.Time{Time: got.At.UTC()}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("- wanted, + asked for: %s", diff)
			}
			if test.list != "" {
				l.run("restore", "ls", "prod").must(t, 0).says(t, r.Name, test.list)
			}
			planned(r)
			l.status(r)
			c.ends(0).says(t, "Nothing has been touched", "--plan "+r.Name)
			if offered := l.offers("restore", "create", "prod", "--plan", ""); !slices.Equal(offered, []string{r.Name}) {
				t.Errorf("--plan offers %v", offered)
			}
			if err := l.client.Delete(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestARefusedPlanIsMadeAgainInItsPlace: the same object, another digest, and the exit codes of a plan.
func TestARefusedPlanIsMadeAgainInItsPlace(t *testing.T) {
	l := start(t)
	fleet(l)
	var list v1alpha1.EtcdSnapshotRestoreList
	c := l.begin(t.Context(), "", "restore", "plan", "prod", "--latest-proven")
	r := the(l, "prod", &list, func() []v1alpha1.EtcdSnapshotRestore { return list.Items })
	planned(r)
	r.Status.Preflight[0].Outcome, r.Status.Preflight[0].Message = "Failed", "3 GiB are missing"
	l.status(r)
	c.ends(3).says(t, "3 GiB are missing", "next: mend that, then: holdfast restore retry prod "+r.Name)

	c = l.begin(t.Context(), "", "restore", "retry", "prod")
	eventually(t, "another plan is asked for", func() bool {
		if err := l.client.Get(t.Context(), client.ObjectKeyFromObject(r), r); err != nil {
			t.Fatal(err)
		}
		return r.Spec.RetryFrom == digest
	})
	planned(r)
	r.Status.Plan.Digest = "sha256:" + strings.Repeat("cd", 32)
	l.status(r)
	c.ends(0).says(t, "Nothing has been touched", "--plan "+r.Name)
	l.run("restore", "retry", "prod").must(t, 3).says(t, "no steps remain")
}

// TestFlagsOfferWhatIsOfTheNamedClusterAlone: the name of another cluster's machine would only be refused.
func TestFlagsOfferWhatIsOfTheNamedClusterAlone(t *testing.T) {
	l := start(t)
	fleet(l)
	other, theirs := machine("m1", 0), snapshot("etcd-snapshot", "m1", time.Hour, "b-9", v1alpha1.StateComplete)
	other.Namespace, theirs.Namespace = "lab", "lab"
	l.put(&core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "lab"}}, &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: "lab", Namespace: "lab"}, Spec: v1alpha1.ClusterSpec{Distro: v1alpha1.DistroEtcd},
	}, other, theirs)
	for _, command := range [][]string{
		{"restore", "plan", "CLUSTER", "--survivor"},
		{"restore", "plan", "CLUSTER", "--replace"},
		{"restore", "create", "CLUSTER", "--exclude-machine"},
		{"snapshot", "create", "CLUSTER", "--machine"},
		{"target", "test", "CLUSTER", "--machine"},
		{"machine", "join", "CLUSTER", "--replace"},
	} {
		for cluster, want := range map[string][]string{"prod": {"n1", "n2", "n3"}, "lab": {"m1"}} {
			args := slices.Clone(command)
			args[2] = cluster
			if got := l.offers(append(args, "")...); !slices.Equal(got, want) {
				t.Errorf("%v offers %v", args, got)
			}
		}
	}
	if got := l.offers("restore", "plan", "lab", "--snapshot", ""); !slices.Equal(got, []string{theirs.Name}) {
		t.Errorf("--snapshot offers %v", got)
	}
	if got := l.offers("snapshot", "verify", theirs.Name, "--machine", ""); !slices.Equal(got, []string{"m1"}) {
		t.Errorf("verify --machine offers %v", got)
	}
	if got := l.offers("restore", "plan", "--survivor", ""); !slices.Equal(got, []string{"m1", "n1", "n2", "n3"}) {
		t.Errorf("before the cluster is named, it offers %v", got)
	}
}

// offers are the names that the shell would show, sorted.
func (l *lab) offers(line ...string) []string {
	l.t.Helper()
	var names []string
	for offer := range strings.Lines(l.run(append([]string{"__complete"}, line...)...).must(l.t, 0).out) {
		if name, _, _ := strings.Cut(strings.TrimSpace(offer), "\t"); !strings.HasPrefix(name, ":") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
