package fleet_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	s3 "github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/etcd"
	"github.com/holdfast-dev/holdfast/test/server"
)

func TestALostManagerComesBackFromItsOwnBackupAndNoAgentIsTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{members: 1})
	before := w.save(t)
	passphrase := filepath.Join(t.TempDir(), "passphrase")
	do(t, os.WriteFile(passphrase, []byte(rand.Text()+"\n"), 0o600))
	vault := "file://" + t.TempDir()
	_, err := w.RunServer(t.Context(), "backup", "--repo", vault, "--backup-passphrase-file", passphrase)
	do(t, err)

	do(t, w.KillManager())
	do(t, os.RemoveAll(w.DataDir()))
	_, err = w.RunServer(t.Context(), "restore", "--repo", vault, "--latest", "--passphrase-file", passphrase)
	do(t, err)
	do(t, w.StartManager(t.Context()))

	w.healthy(t)
	all, err := w.Snapshots(t.Context(), name)
	do(t, err)
	if len(all) != 1 || all[0].Name != before[0] {
		t.Errorf("snapshots %v, want %v", all, before)
	}
	if made := w.save(t); len(made) != 1 {
		t.Errorf("the next save made %v", made)
	}
}

// The manager is gone, and nobody backed it up. What is left says enough: the folder in the bucket whose it is, and the
// agents what they hold.
func TestANewManagerLearnsFromTheBucketWhatTheLostOneKnew(t *testing.T) {
	t.Parallel()
	w, minio := newScheduledWorld(t, 1)
	made := w.save(t)
	lost, err := w.Cluster(t.Context(), name)
	do(t, err)
	do(t, w.KillManager())
	do(t, os.RemoveAll(w.DataDir()))
	do(t, w.StartManager(t.Context()))

	w.apply(t, adopted(t, lost, minio))
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, "the manager to know "+made[0], func(ctx context.Context) error {
		all, err := w.Snapshots(ctx, name)
		if err == nil && !slices.ContainsFunc(all, func(s v1alpha1.EtcdSnapshot) bool { return s.Name == made[0] && hasS3Copy(s) }) {
			err = fmt.Errorf("it knows %d others", len(all))
		}
		return err
	}))
	w.rejoin(t, w.Lab.Nodes[0])
	w.healthy(t)
	if again := w.save(t); len(again) != 1 {
		t.Errorf("the next save made %v", again)
	}
}

// adopted is the cluster as an administrator writes it again: with the id that stands in the owner's mark of its folder.
func adopted(t *testing.T, lost *v1alpha1.Cluster, minio *server.MinIO) []any {
	t.Helper()
	cli, err := minio.Client(minio.Root)
	do(t, err)
	object, err := cli.GetObject(t.Context(), bucket, folder+"/.metadata/holdfast-owner.json", s3.GetObjectOptions{})
	do(t, err)
	defer object.Close()
	var mark struct{ ClusterID string }
	do(t, json.NewDecoder(object).Decode(&mark))
	meta := func(name string) map[string]any { return map[string]any{"name": name, "namespace": lost.Namespace} }
	cluster := meta(lost.Name)
	cluster["annotations"] = map[string]any{"holdfast.dev/adopt-id": mark.ClusterID}
	return []any{
		map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": lost.Namespace}},
		map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": meta(lost.Spec.Etcd.S3.CredentialSecretName),
			"stringData": map[string]string{"accessKey": minio.Root.AccessKey, "secretKey": minio.Root.SecretKey}},
		map[string]any{"apiVersion": "holdfast.dev/v1alpha1", "kind": "Cluster", "metadata": cluster, "spec": lost.Spec},
	}
}

func (w *world) apply(t *testing.T, objects []any) {
	t.Helper()
	var manifests []byte
	for _, o := range objects {
		data, err := json.Marshal(o)
		do(t, err)
		manifests = append(append(manifests, "---\n"...), data...)
		manifests = append(manifests, '\n')
	}
	file := filepath.Join(t.TempDir(), "manifests.yaml")
	do(t, os.WriteFile(file, manifests, 0o600))
	w.run(t, "apply", "-f", file)
}

// rejoin tells the agent on a machine of a manager that it does not know.
func (w *world) rejoin(t *testing.T, n *lab.Node) {
	t.Helper()
	var line struct{ Token, Server string }
	do(t, w.Read(t.Context(), &line, "machine", "join", name, "--role", "etcd"))
	do(t, n.WriteFile("/run/holdfast-token", []byte("HOLDFAST_JOIN_TOKEN="+line.Token), 0o600))
	_, err := n.Run(t.Context(), "sh", "-ec", `. /run/holdfast-token; export HOLDFAST_JOIN_TOKEN
		holdfast-agent join --server "$0"
		systemctl restart holdfast-agent`, line.Server)
	do(t, err)
}

// Nothing is left of the manager. The agents' own command restores all machines from one of their snapshots.
func TestThreeMachinesAreRestoredWithoutAnyManager(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{members: 3})
	w.write(t, "/a", "saved")
	made := w.save(t)
	w.write(t, "/a", "changed")
	do(t, w.KillManager())
	do(t, os.RemoveAll(w.DataDir()))

	const copied, token = "/var/lib/copied.db", "after-the-loss"
	w.distribute(t, takenOn(t, made, w.Lab.Nodes[0]), w.Lab.Nodes[0], copied)
	plan, err := w.Lab.Nodes[0].Exec(t.Context(), "holdfast-agent", "restore", copied, "--initial-cluster-token", token)
	if err != nil || plan.Code == 0 {
		t.Errorf("the plan: %+v, %v", plan, err)
	}
	w.holds(t, "/a", "changed")
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range w.Lab.Nodes {
		group.Go(func() error {
			_, err := n.Run(ctx, "holdfast-agent", "restore", copied, "--initial-cluster-token", token, "--yes")
			return err
		})
	}
	do(t, group.Wait())
	do(t, w.etcd.Ready(t.Context()))
	w.holds(t, "/a", "saved")
	w.rejoinByHand(t, w.Lab.Nodes[2])
}

// rejoinByHand makes a member anew that has lost its data, and the directory of it, by the agent's own command.
func (w *world) rejoinByHand(t *testing.T, lost *lab.Node) {
	t.Helper()
	_, err := lost.Run(t.Context(), "sh", "-ec", "systemctl stop etcd; rm -rf "+etcd.DataDir)
	do(t, err)
	var others []string
	for _, endpoint := range w.etcd.Endpoints() {
		if !strings.Contains(endpoint, "//"+lost.Address+":") {
			others = append(others, endpoint)
		}
	}
	_, err = lost.Run(t.Context(), "holdfast-agent", "rejoin", "--endpoints", strings.Join(others, ","), "--yes")
	do(t, err)
	do(t, w.etcd.Ready(t.Context()))
	w.holds(t, "/a", "saved")
}

// distribute copies a snapshot from the machine that holds it to one path on all of them.
func (w *world) distribute(t *testing.T, snapshot string, from *lab.Node, path string) {
	t.Helper()
	file := snapshot[:strings.LastIndex(snapshot, "-")] // the rest of the object's name is a hash
	data, err := from.ReadFile("/var/lib/holdfast/snapshots/" + file + ".db")
	do(t, err)
	for _, n := range w.Lab.Nodes {
		do(t, n.WriteFile(path, data, 0o600))
	}
}
