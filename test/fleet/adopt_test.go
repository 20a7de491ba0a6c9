package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/fleet"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// adoption is a running cluster of a Kubernetes distribution that came under a manager's care.
type adoption struct {
	*world
	distro  *standin.Cluster
	minio   *server.MinIO
	flavour distro.Flavor
	// roles of the machines, as the import saw them.
	roles []string
	// started is what every unit said of its start before Holdfast came.
	started map[string]string
	// memory of the machines' files, once a test has asked for it.
	memory *memory
}

// adopt brings up a cluster of servers that do everything.
func adopt(t *testing.T, f distro.Flavor, servers int) *adoption {
	t.Helper()
	return adoptAs(t, f, servers, func(cfg *standin.Config, nodes []*lab.Node) { cfg.Servers = nodes })
}

// adoptAs brings up a cluster that has taken snapshots, and then a manager, a bucket, and an agent on each machine.
func adoptAs(t *testing.T, f distro.Flavor, machines int, arrange func(*standin.Config, []*lab.Node)) *adoption {
	t.Helper()
	cfg := standin.Config{Flavor: f, Settings: map[string]any{"etcd-snapshot-retention": 7}}
	a := running(t, &cfg, machines, arrange)
	for _, n := range cfg.Servers {
		for _, flags := range [][]string{{"--name=etcd-snapshot"}, {"--name=mine", "--etcd-snapshot-compress=true"}} {
			_, err := n.Run(t.Context(), append([]string{f.Name, "etcd-snapshot", "save", "--etcd-server=" + a.distro.LocalURL(n)}, flags...)...)
			do(t, err)
		}
	}
	flags, minio := s3Flags(t, a.Lab)
	a.minio = minio
	a.takenIntoCare(t, flags)
	return a
}

// adoptPlain brings up a cluster of servers that has saved nothing, and an agent on each. There is no bucket.
func adoptPlain(t *testing.T, cfg standin.Config, servers int) *adoption {
	t.Helper()
	a := running(t, &cfg, servers, func(cfg *standin.Config, nodes []*lab.Node) { cfg.Servers = nodes })
	a.takenIntoCare(t, nil)
	return a
}

// running brings up a cluster, and nothing of Holdfast.
func running(t *testing.T, cfg *standin.Config, machines int, arrange func(*standin.Config, []*lab.Node)) *adoption {
	t.Helper()
	needPrograms(t)
	for _, tool := range []string{"etcd-3.7", "etcdutl-3.7", "kube-apiserver-1.37", "kubectl"} {
		servertest.Tool(t, tool)
	}
	config, err := standin.MachineConfig()
	do(t, err)
	l := labtest.New(t, config, machines)
	arrange(cfg, l.Nodes)
	c, err := standin.Install(t.Context(), *cfg)
	do(t, err)
	a := &adoption{world: &world{Fleet: &fleet.Fleet{Lab: l}}, distro: c, flavour: cfg.Flavor, started: map[string]string{}}
	for _, n := range l.Nodes {
		a.started[n.Name] = a.start(t, n)
	}
	return a
}

// takenIntoCare starts a manager, and has it take care of the cluster.
func (a *adoption) takenIntoCare(t *testing.T, flags []string) {
	t.Helper()
	a.Fleet = newFleet(t, a.Lab)
	a.imports(t, flags)
	do(t, a.Ready(t.Context(), name, len(a.Lab.Nodes)))
}

// imports follows docs/k3s.md: the line for each machine is run there as it was printed.
func (a *adoption) imports(t *testing.T, flags []string) {
	t.Helper()
	first := a.distro.API(a.Lab.Nodes[0])
	kubeconfig, err := first.ReadFile(a.flavour.Kubeconfig())
	do(t, err)
	from := filepath.Join(t.TempDir(), "kubeconfig")
	do(t, os.WriteFile(from, bytes.ReplaceAll(kubeconfig, []byte("127.0.0.1"), []byte(first.Address)), 0o600))
	var view struct {
		Distro, Version string
		Machines        []struct {
			Name, Command string
			Roles         []string
		}
	}
	do(t, a.Read(t.Context(), &view, append([]string{"cluster", "import", name, "--from", from}, flags...)...))
	if view.Distro != a.flavour.Name || view.Version != a.distro.Version() || len(view.Machines) != len(a.Lab.Nodes) {
		t.Fatalf("it sees %+v", view)
	}
	for i, m := range view.Machines {
		if m.Name != a.Lab.Nodes[i].Name {
			t.Errorf("machine %d: %+v", i, m)
		}
		a.roles = append(a.roles, strings.Join(m.Roles, " "))
		_, err := a.Lab.Nodes[i].Run(t.Context(), "sh", "-c", m.Command)
		do(t, err)
	}
}

// start says which process a unit runs since when.
func (a *adoption) start(t *testing.T, n *lab.Node) string {
	t.Helper()
	out, err := n.Run(t.Context(), "systemctl", "show", "-p", "MainPID,ActiveEnterTimestampMonotonic,NRestarts", a.distro.Unit(n))
	do(t, err)
	return out
}

func TestARunningClusterOfThreeK3sServersIsTakenIntoCare(t *testing.T) {
	t.Parallel()
	a := adopt(t, distro.K3s(), 3)
	t.Run("what it has saved is tested and copied", a.knowsWhatWasSaved)
	t.Run("each machine tells what it is", a.tellsWhatItIs)
	t.Run("a new snapshot of its own is noticed, and its copies are pruned", a.noticesNewOnes)
	t.Run("a save is the distribution's own and reaches every machine", a.saves)
	t.Run("the distribution finds the copies in the bucket", a.listsCopies)
	t.Run("a snapshot that is deleted is gone for the distribution, too", a.deletes)
	t.Run("nothing was restarted", a.isUntouched)
	t.Run("a save does without the API server", a.savesWithoutAPI)
	t.Run("the schedule is handed over, and back", a.handsOver)
}

func TestARunningRKE2ServerIsTakenIntoCare(t *testing.T) {
	t.Parallel()
	a := adopt(t, distro.RKE2(), 1)
	t.Run("what it has saved is tested and copied", a.knowsWhatWasSaved)
	t.Run("a save is the distribution's own", a.saves)
	t.Run("nothing was restarted", a.isUntouched)
}

// awaitDistribution waits until a machine tells what it is.
func (a *adoption) awaitDistribution(t *testing.T, n *lab.Node) (m *v1alpha1.Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, n.Name+" to tell what it is", func(ctx context.Context) (err error) {
		if m, err = a.Machine(ctx, n.Name); err == nil && m.Status.Distribution == nil {
			err = errors.New("it has told nothing")
		}
		return err
	}))
	return m
}

func (a *adoption) knowsWhatWasSaved(t *testing.T) {
	want := 2 * len(a.Lab.Nodes)
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, "the distribution's snapshots to be tested and copied", func(ctx context.Context) error {
		all, err := a.Snapshots(ctx, name)
		if err != nil {
			return err
		}
		restored := 0
		for _, s := range all {
			if s.Status.State == v1alpha1.StateRestored {
				restored++
			} else if s.Status.State != v1alpha1.StateChecked {
				err = errors.Join(err, fmt.Errorf("%s is %s", s.Name, s.Status.State))
			}
			if !hasS3Copy(s) {
				err = errors.Join(err, fmt.Errorf("%s has no copy", s.Name))
			}
		}
		if len(all) != want || restored != len(a.Lab.Nodes) {
			err = errors.Join(err, fmt.Errorf("%d snapshots, %d of them restored on trial", len(all), restored))
		}
		return err
	}))
}

func (a *adoption) tellsWhatItIs(t *testing.T) {
	for i, n := range a.Lab.Nodes {
		if a.roles[i] != "etcd control-plane" {
			t.Errorf("%s was imported as %s", n.Name, a.roles[i])
		}
		m := a.awaitDistribution(t, n)
		d := m.Status.Distribution
		if d.NodeName != n.Name || d.JoinURL != a.distro.SupervisorURL(n) || (d.Joins == "") != (i == 0) || len(d.TokenDigest) != 12 || d.Datastore != v1alpha1.DatastoreEtcd {
			t.Errorf("%s: %+v", n.Name, d)
		}
		if d.Snapshots == nil || d.Snapshots.Retention != 7 || d.Snapshots.Disabled || m.Status.DistroVersion != a.distro.Version() {
			t.Errorf("%s: %+v, version %s", n.Name, d.Snapshots, m.Status.DistroVersion)
		}
		if c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.MachineScheduleOK); c == nil || c.Status != "True" || c.Reason != "Mirrored" || m.Status.NextSchedule == nil {
			t.Errorf("%s: %+v, next at %v", n.Name, c, m.Status.NextSchedule)
		}
	}
}

// noticesNewOnes keeps one copy of each machine's recurring snapshots, and has one machine take another.
func (a *adoption) noticesNewOnes(t *testing.T) {
	n := a.Lab.Nodes[0]
	old := a.copiesOf(t, "etcd-snapshot-"+n.Name+"-")
	do(t, a.Patch(t.Context(), "cluster", name, name, `{"spec":{"etcd":{"s3":{"retention":1}}}}`))
	_, err := n.Run(t.Context(), a.flavour.Name, "etcd-snapshot", "save", "--name=etcd-snapshot")
	do(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, "the new snapshot in the place of the old", func(context.Context) error {
		if now := a.copiesOf(t, "etcd-snapshot-"+n.Name+"-"); len(now) != 1 || slices.Equal(now, old) {
			return fmt.Errorf("copies are %v, and were %v", now, old)
		}
		return nil
	}))
	if others := a.copiesOf(t, "etcd-snapshot-"); len(others) != len(a.Lab.Nodes) {
		t.Errorf("copies of all machines: %v", others)
	}
}

// copiesOf are the snapshots in the bucket whose names begin so.
func (a *adoption) copiesOf(t *testing.T, beginning string) []string {
	t.Helper()
	return slices.DeleteFunc(payloads(t, a.minio), func(file string) bool { return !strings.HasPrefix(path.Base(file), beginning) })
}

func (a *adoption) saves(t *testing.T) {
	made := a.save(t)
	if len(made) != len(a.Lab.Nodes) {
		t.Errorf("it made %v", made)
	}
	all, err := a.Snapshots(t.Context(), name)
	do(t, err)
	for _, s := range all {
		if !slices.Contains(made, s.Name) {
			continue
		}
		if s.Spec.KubernetesVersion != a.distro.Version() || s.Spec.TokenDigest == "" || s.Spec.ConfigDigest == "" || s.Spec.Trigger != "manual" || !hasS3Copy(s) {
			t.Errorf("%+v, %+v", s.Spec, s.Status)
		}
	}
	for _, n := range a.Lab.Nodes {
		listed, err := n.Run(t.Context(), a.flavour.Name, "etcd-snapshot", "ls")
		do(t, err)
		if !strings.Contains(listed, "on-demand-"+n.Name+"-") || strings.Contains(listed, "holdfast") {
			t.Errorf("%s lists\n%s", n.Name, listed)
		}
		sidecars, err := n.Run(t.Context(), "sh", "-c", "cat "+a.flavour.DataDir()+"/server/db/.metadata/on-demand-*")
		do(t, err)
		if !strings.Contains(sidecars, a.distro.Version()) || strings.Contains(sidecars, standin.Token) {
			t.Errorf("%s has noted %s", n.Name, sidecars)
		}
	}
}

func (a *adoption) listsCopies(t *testing.T) {
	n := a.Lab.Nodes[0]
	ca := "/run/minio-ca.pem"
	authority, err := os.ReadFile(a.minio.CAFile)
	do(t, err)
	do(t, n.WriteFile(ca, authority, 0o600))
	listed, err := n.Run(t.Context(), a.flavour.Name, "etcd-snapshot", "ls", "--etcd-s3", "--etcd-s3-endpoint="+hostOf(t, a.minio), "--etcd-s3-endpoint-ca="+ca,
		"--etcd-s3-bucket="+bucket, "--etcd-s3-folder="+folder, "--etcd-s3-region="+server.Region, "--etcd-s3-bucket-lookup-type=path",
		"--etcd-s3-access-key="+a.minio.Root.AccessKey, "--etcd-s3-secret-key="+a.minio.Root.SecretKey)
	do(t, err)
	for _, file := range payloads(t, a.minio) {
		if !strings.Contains(listed, "s3://"+bucket+"/"+file) {
			t.Errorf("%s is not among\n%s", file, listed)
		}
	}
	if count := strings.Count(listed, "s3://"); count != 3*len(a.Lab.Nodes) || strings.Contains(listed, ".metadata") {
		t.Errorf("it finds %d copies:\n%s", count, listed)
	}
}

func (a *adoption) deletes(t *testing.T) {
	all, err := a.Snapshots(t.Context(), name)
	do(t, err)
	i := slices.IndexFunc(all, func(s v1alpha1.EtcdSnapshot) bool {
		return strings.HasPrefix(s.Spec.File, "mine-"+a.Lab.Nodes[0].Name+"-")
	})
	if i < 0 {
		t.Fatal("there is none to delete")
	}
	a.run(t, "snapshot", "delete", all[i].Name, "--yes")
	left, err := a.distro.Kubectl(t.Context(), a.Lab.Nodes[0], "get", "etcdsnapshotfiles", "-o", "jsonpath={.items[*].spec.snapshotName}")
	do(t, err)
	if strings.Contains(left, all[i].Spec.File) {
		t.Errorf("records of %s", left)
	}
}

func (a *adoption) isUntouched(t *testing.T) {
	for _, n := range a.Lab.Nodes {
		if now := a.start(t, n); now != a.started[n.Name] {
			t.Errorf("%s: before\n%safter\n%s", n.Name, a.started[n.Name], now)
		}
	}
}

// The API server of one machine gives no answer any more. Its etcd does.
func (a *adoption) savesWithoutAPI(t *testing.T) {
	n := a.Lab.Nodes[1]
	_, err := n.Run(t.Context(), "pkill", "-STOP", "-f", "^/opt/tools/kube-apiserver")
	do(t, err)
	defer func() {
		_, err := n.Run(t.Context(), "pkill", "-CONT", "-f", "^/opt/tools/kube-apiserver")
		do(t, err)
	}()
	made := a.save(t)
	if len(made) != len(a.Lab.Nodes) {
		t.Errorf("it made %v", made)
	}
	journal, err := n.Run(t.Context(), "journalctl", "-u", "holdfast-agent", "--no-pager")
	do(t, err)
	if !strings.Contains(journal, "streamed from etcd") {
		t.Error("the distribution took it all the same")
	}
}
