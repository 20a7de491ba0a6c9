package manager

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// What Kubernetes' components say of themselves would bury a failure.
func TestMain(m *testing.M) {
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	log.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// fixture is a manager with one cluster, c-one/one.
type fixture struct {
	*Manager
	clock *clock
	// end may be called early; at the end of the test it is.
	end func()
	// all may do anything.
	all client.Client
}

// clock that a test sets. Zero: the real one.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) set(offset time.Duration) { c.offset.Store(int64(offset)) }

func start(t *testing.T) *fixture {
	t.Helper()
	f := startIn(t, t.TempDir(), &clock{})
	f.addCluster(t)
	return f
}

func startIn(t *testing.T, dir string, c *clock) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	m, err := Start(ctx, Config{
		DataDir: dir, Listen: "127.0.0.1:0", Advertise: []string{"127.0.0.1"}, Agents: t.TempDir(),
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: c.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return newFixture(t, m, c)
}

func newFixture(t *testing.T, m *Manager, c *clock) *fixture {
	f := &fixture{Manager: m, clock: c}
	f.end = sync.OnceFunc(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(f.end)
	f.all = connect(t, m.plane.api)
	return f
}

func connect(t *testing.T, config *rest.Config) client.WithWatch {
	t.Helper()
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// admin is whoever has the kubeconfig, through the port.
func (f *fixture) administrator(t *testing.T) client.WithWatch {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", f.cfg.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	return connect(t, config)
}

// addCluster makes a cluster as an administrator would.
func (f *fixture) addCluster(t *testing.T) {
	t.Helper()
	f.addClusterWith(t, f.administrator(t))
}

func (f *fixture) addClusterWith(t *testing.T, admin client.Client) {
	t.Helper()
	create(t, admin, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "c-one"}})
	cluster := &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: "c-one", Name: "one"},
		Spec: v1alpha1.ClusterSpec{Distro: v1alpha1.DistroEtcd, Etcd: v1alpha1.ClusterEtcd{
			S3: &v1alpha1.S3{Bucket: "backups", Endpoint: "127.0.0.1:9", CredentialSecretName: "s3"},
		}},
	}
	create(t, admin, cluster)
	create(t, admin, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "c-one", Name: "s3"}, StringData: map[string]string{"secretKey": "k"}})
	create(t, admin, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "c-one", Name: "other"}, StringData: map[string]string{"a": "b"}})
	eventually(t, "the cluster has its id", func() bool {
		return read(t, admin, cluster, "one") == nil && cluster.Status.ID != ""
	})
}

func create(t *testing.T, c client.Client, object client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), object); err != nil {
		t.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// invite makes a join token with the administrator's rights.
func (f *fixture) invite(t *testing.T, replace string, roles ...v1alpha1.Role) enroll.JoinToken {
	t.Helper()
	return f.inviteWith(t, f.administrator(t), replace, roles...)
}

func (f *fixture) inviteWith(t *testing.T, admin client.Client, replace string, roles ...v1alpha1.Role) enroll.JoinToken {
	t.Helper()
	info, err := enroll.ReadInfo(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	token, err := enroll.Invite(t.Context(), admin, info, enroll.Invitation{
		Namespace: "c-one", Cluster: "one", Roles: roles, Replace: replace, Expires: f.clock.now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// join is what a machine does, which keeps its identity in dir.
func (f *fixture) join(t *testing.T, dir, machine string, token enroll.JoinToken) (*enroll.Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return enroll.Join(ctx, enroll.JoinConfig{
		Dir: dir, Server: "https://" + f.Address(), Token: token.Text(), Machine: machine, Now: f.clock.now,
	})
}

func (f *fixture) mustJoin(t *testing.T, machine string, roles ...v1alpha1.Role) *enroll.Client {
	t.Helper()
	c, err := f.join(t, t.TempDir(), machine, f.invite(t, "", roles...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in a minute: %s", what)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
