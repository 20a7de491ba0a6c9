package controller_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/deploy"
	"github.com/holdfast-dev/holdfast/internal/controller"
	"github.com/holdfast-dev/holdfast/internal/simulated"
	"github.com/holdfast-dev/holdfast/server/controlplane"
)

// bench is an API server with controllers and simulated agents.
type bench struct {
	t      *testing.T
	plane  *controlplane.ControlPlane
	client client.WithWatch
	stop   context.CancelFunc
	ended  chan error
	agents map[string]*simulated.Agent
	cfg    controller.Config
	// renew is how often agents renew their leases.
	renew time.Duration
}

func newBench(t *testing.T, cfg controller.Config) *bench {
	t.Helper()
	plane, err := controlplane.Start(context.WithoutCancel(t.Context()), controlplane.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := controlplane.ApplyManifests(ctx, plane.Loopback, deploy.Manifests); err != nil {
		t.Fatal(err)
	}
	c, err := client.NewWithWatch(plane.Loopback, client.Options{Scheme: scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, plane: plane, client: c, agents: map[string]*simulated.Agent{}, cfg: cfg}
	b.startControllers()
	t.Cleanup(b.stopControllers)
	return b
}

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *bench) startControllers() {
	b.t.Helper()
	again := true
	// As in an existing cluster: with the rights that deploy/rbac/manager.yaml gives, and no others.
	own := rest.CopyConfig(b.plane.Loopback)
	own.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:holdfast-system:holdfast-server",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:holdfast-system", "system:authenticated"},
	}
	mgr, err := manager.New(own, manager.Options{
		Cache:  cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		Scheme: scheme(b.t), Logger: logr.FromSlogHandler(slog.NewTextHandler(b.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: ctrlconfig.Controller{SkipNameValidation: &again},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	cfg := b.cfg
	cfg.Metrics = prometheus.NewRegistry()
	if err := controller.Add(mgr, cfg); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	b.stop, b.ended = cancel, make(chan error, 1)
	go func() { b.ended <- mgr.Start(ctx) }()
}

func (b *bench) stopControllers() {
	if b.stop == nil {
		return
	}
	b.stop()
	if err := <-b.ended; err != nil {
		b.t.Error(err)
	}
	b.stop = nil
}

// cluster registers a cluster with machines, whose agents run.
func (b *bench) cluster(name string, spec v1alpha1.ClusterSpec, machines ...string) *v1alpha1.Cluster {
	b.t.Helper()
	c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "ns-" + name, Name: name}, Spec: spec}
	if err := simulated.Register(b.t.Context(), b.client, c); err != nil {
		b.t.Fatal(err)
	}
	b.eventually("the cluster has an id", func() bool { return b.get(c) && c.Status.ID != "" })
	for _, m := range machines {
		if err := simulated.Enrol(b.t.Context(), b.client, c, m); err != nil {
			b.t.Fatal(err)
		}
		a := simulated.New(simulated.Config{Client: b.client, Namespace: c.Namespace, Name: m, Members: machines, Renew: b.renew})
		b.agents[m] = a
		go a.Run(b.t.Context())
		b.t.Cleanup(func() {
			if faults := a.Faults(nil); len(faults) > 0 {
				b.t.Errorf("machine %s: %s", a.Name, strings.Join(faults, "; "))
			}
		})
	}
	if len(machines) > 0 {
		b.eventually("the cluster is ready", func() bool { return b.get(c) && b.is(c, v1alpha1.ClusterReady) })
	}
	return c
}

func (b *bench) is(c *v1alpha1.Cluster, kind string) bool {
	for _, cond := range c.Status.Conditions {
		if cond.Type == kind {
			return cond.Status == metav1.ConditionTrue
		}
	}
	return false
}

func (b *bench) get(o client.Object) bool {
	return b.client.Get(b.t.Context(), client.ObjectKeyFromObject(o), o) == nil
}

func (b *bench) create(o client.Object) {
	b.t.Helper()
	if err := b.client.Create(b.t.Context(), o); err != nil {
		b.t.Fatal(err)
	}
}

// eventually waits until something is so.
func (b *bench) eventually(what string, is func() bool) {
	b.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("not in a minute: %s", what)
		}
	}
}

func in(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// folder is an S3 folder as the manager sees it.
type folder struct {
	files []v1alpha1.SnapshotFile
	err   error
}

func (f *folder) List(context.Context, v1alpha1.S3, *corev1.Secret) ([]v1alpha1.SnapshotFile, error) {
	return f.files, f.err
}

func (b *bench) hasCondition(m *v1alpha1.Machine, kind string) bool {
	for _, c := range m.Status.Conditions {
		if c.Type == kind {
			return true
		}
	}
	return false
}
