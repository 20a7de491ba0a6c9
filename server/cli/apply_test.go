package cli_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

const manifests = `apiVersion: holdfast.dev/v1alpha1
kind: Cluster
metadata: {name: one}
spec: {distro: etcd, etcd: {snapshotRetention: 4}}
---
apiVersion: v1
kind: Secret
metadata: {name: s3, namespace: one}
stringData: {accessKey: a, secretKey: b}
`

func TestManifestsAreAppliedAndWhatIsWrongIsTold(t *testing.T) {
	l := start(t)
	l.golden("apply", l.answer(manifests, "apply", "-f", "-").must(t, 0).out)
	var c v1alpha1.Cluster
	if err := l.client.Get(t.Context(), client.ObjectKey{Namespace: "one", Name: "one"}, &c); err != nil || *c.Spec.Etcd.SnapshotRetention != 4 {
		t.Fatalf("%+v, %v", c.Spec, err)
	}
	l.answer(manifests, "apply", "-f", "-", "-o", "name").must(t, 0).says(t, "one\ns3\n")
	head := "apiVersion: holdfast.dev/v1alpha1\nkind: Cluster\nmetadata: {name: two, namespace: one}\n"
	l.answer(head+"spec: {distro: etcd}", "apply", "-f", "-", "--dry-run").must(t, 0).says(t, "accepted; nothing was changed")
	l.run("cluster", "get", "two").must(t, 5)
	l.answer(head+"spec: {distro: etcd, etcd: {snapshotScheduleCron: never}}", "apply", "-f", "-").must(t, 2).says(t, "spec.etcd.snapshotScheduleCron")
	l.answer(head+"spec: {distro: etcd, ectd: {}}", "apply", "-f", "-").must(t, 2).says(t, "ectd")
	l.answer("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n", "apply", "-f", "-").must(t, 2).says(t, "use kubectl")
	l.answer("a: b\n", "apply", "-f", "-").must(t, 2).says(t, "apiVersion and kind")
	l.run("apply", "-f", "/none").must(t, 5)
	l.run("apply").must(t, 2).says(t, "-f FILE")
}
