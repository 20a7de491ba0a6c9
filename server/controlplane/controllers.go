package controlplane

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
)

// workers of each controller. Their work is rare: objects go when a cluster goes.
const workers = 3

// discoveryPeriod is how soon the garbage collector sees a new resource.
const discoveryPeriod = 30 * time.Second

// controllers are the parts of kube-controller-manager that resources, namespaces and service accounts need.
type controllers struct {
	config    *rest.Config
	client    kubernetes.Interface
	metadata  metadata.Interface
	informers informers.SharedInformerFactory
}

// runControllers starts them. They end with ctx.
func runControllers(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	c := &controllers{config: config, client: client, metadata: meta, informers: informers.NewSharedInformerFactory(client, 0)}
	started := make(chan struct{})
	if err := c.runGarbageCollector(ctx, started); err != nil {
		return fmt.Errorf("garbage collector: %w", err)
	}
	c.runNamespaces(ctx)
	if err := c.runServiceAccounts(ctx); err != nil {
		return fmt.Errorf("service accounts: %w", err)
	}
	roles := clusterroleaggregation.NewClusterRoleAggregation(c.informers.Rbac().V1().ClusterRoles(), client.RbacV1())
	go roles.Run(ctx, workers)
	c.informers.Start(ctx.Done())
	close(started)
	return nil
}

func (c *controllers) runGarbageCollector(ctx context.Context, started chan struct{}) error {
	cached := memory.NewMemCacheClient(c.client.Discovery())
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	all := informerfactory.NewInformerFactory(c.informers, metadatainformer.NewSharedInformerFactory(c.metadata, 0))
	ignored := map[schema.GroupResource]struct{}{{Resource: "events"}: {}, {Group: "events.k8s.io", Resource: "events"}: {}}
	gc, err := garbagecollector.NewGarbageCollector(ctx, c.client, c.metadata, mapper, ignored, all, started)
	if err != nil {
		return err
	}
	go gc.Run(ctx, workers, time.Minute)
	go gc.Sync(ctx, c.client.Discovery(), discoveryPeriod)
	return nil
}

// runNamespaces empties a namespace that is being deleted; without it the deletion never ends.
func (c *controllers) runNamespaces(ctx context.Context) {
	n := namespace.NewNamespaceController(ctx, c.client, c.metadata, c.client.Discovery().ServerPreferredNamespacedResources,
		c.informers.Core().V1().Namespaces(), 5*time.Minute, v1.FinalizerKubernetes)
	go n.Run(ctx, workers)
}

// runServiceAccounts gives each namespace its default service account.
func (c *controllers) runServiceAccounts(ctx context.Context) error {
	core := c.informers.Core().V1()
	s, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx), core.ServiceAccounts(), core.Namespaces(), c.client,
		serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return err
	}
	go s.Run(ctx, workers)
	return nil
}
