package manager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/deploy"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/server/controlplane"
)

// manifestsTimeout bounds the application of the manifests.
const manifestsTimeout = 2 * time.Minute

// plane is the Kubernetes API that the manager works with.
type plane struct {
	api *rest.Config
	// embedded is nil with an existing cluster.
	embedded *controlplane.ControlPlane
	// home is what an existing cluster is told from all others by. No machine's etcd holds an embedded one.
	home types.UID
}

func startPlane(ctx context.Context, cfg Config) (*plane, error) {
	if cfg.existing() {
		return connectPlane(ctx, cfg)
	}
	embedded, err := controlplane.Start(context.WithoutCancel(ctx), controlplane.Config{Dir: cfg.DataDir, Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	p := &plane{api: embedded.Loopback, embedded: embedded}
	if err := p.apply(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func connectPlane(ctx context.Context, cfg Config) (*plane, error) {
	api, err := existingAPI(cfg)
	if err != nil {
		return nil, err
	}
	api.QPS = -1 // fairness between callers is the API server's own
	p := &plane{api: api}
	if cfg.ApplyManifests {
		err = p.apply(ctx)
	} else {
		err = p.check()
	}
	if err == nil {
		p.home, err = identify(ctx, api)
	}
	return p, err
}

// identify a Kubernetes by its namespace kube-system, which each has, and none but a copy of it the same.
func identify(ctx context.Context, api *rest.Config) (types.UID, error) {
	client, err := kubernetes.NewForConfig(api)
	if err != nil {
		return "", err
	}
	namespace, err := client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil // a control plane without any node
	}
	if err != nil {
		return "", fmt.Errorf("tell the Kubernetes at %s from those that are restored: %w", api.Host, err)
	}
	return namespace.UID, nil
}

func existingAPI(cfg Config) (*rest.Config, error) {
	if !cfg.InCluster {
		return clientcmd.BuildConfigFromFlags("", cfg.Kubeconfig)
	}
	api, err := rest.InClusterConfig()
	if err != nil {
		return nil, &problem.Error{
			Kind: problem.Refused, Op: "use", Subject: "the cluster that this program runs in", Err: err,
			Next: "start it as a pod with a ServiceAccount, or give --kubeconfig",
		}
	}
	return api, nil
}

func (p *plane) apply(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, manifestsTimeout)
	defer cancel()
	return controlplane.ApplyManifests(ctx, p.api, deploy.Manifests)
}

// check refuses a cluster that lacks the resources: nothing is installed into somebody's cluster without being asked.
func (p *plane) check() error {
	client, err := discovery.NewDiscoveryClientForConfig(p.api)
	if err != nil {
		return err
	}
	if _, err := client.ServerResourcesForGroupVersion(v1alpha1.GroupVersion().String()); err != nil {
		return &problem.Error{
			Kind: problem.Refused, Op: "use the cluster", Subject: p.api.Host, Err: err,
			Why:  "it does not have Holdfast's resources",
			Next: "apply the manifests in deploy/, or start with --apply-manifests",
		}
	}
	return nil
}

// handler is the API where it runs in this process.
func (p *plane) handler() http.Handler {
	if p.embedded == nil {
		return nil
	}
	return p.embedded.Handler
}

// ready asks the API server how it is.
func (p *plane) ready() (func(context.Context) error, error) {
	client, err := discovery.NewDiscoveryClientForConfig(p.api)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		status := 0
		err := client.RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status).Error()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz answers %d", status)
		}
		return err
	}, nil
}

// done is closed when the API has ended by itself. An existing cluster's never does.
func (p *plane) done() <-chan struct{} {
	if p.embedded == nil {
		return nil
	}
	return p.embedded.Done()
}

func (p *plane) stop() error {
	if p.embedded == nil {
		return nil
	}
	return p.embedded.Stop()
}
