package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// Config of the controllers. The zero value works.
type Config struct {
	// Now is the clock that deadlines go by. Default: time.Now.
	Now func() time.Time
	// Targets lists S3 folders. Default: really.
	Targets Targets
	// TargetPeriod is how often each cluster's S3 folder is listed without any reason. Default: 15 minutes.
	TargetPeriod time.Duration
	// Metrics is where they are registered. Default: controller-runtime's registry.
	Metrics prometheus.Registerer
	// Home is the UID of namespace kube-system of the Kubernetes that keeps the manager's own objects. Empty: it is nobody
	// else's, and not looked for among the clusters.
	Home string
	// Log gets what goes wrong. Default: slog.Default.
	Log *slog.Logger
}

// Targets lists S3 folders.
type Targets interface {
	// List returns the snapshots in the folder. keys is the Secret that the target names, or nil.
	List(ctx context.Context, target v1alpha1.S3, keys *corev1.Secret) ([]v1alpha1.SnapshotFile, error)
}

// kit is what all reconcilers share.
type kit struct {
	Config
	client.Client
	// live reads past the cache.
	live            client.Reader
	recorder        events.EventRecorder
	leases          *liveness
	found           *listings
	operationsEnded *prometheus.CounterVec
	// wake makes a cluster's catalogue be looked at.
	wake chan event.TypedGenericEvent[*v1alpha1.Cluster]
}

// Add adds all controllers to a manager, whose scheme must know Kubernetes' resources and Holdfast's.
func Add(mgr manager.Manager, cfg Config) error {
	k := &kit{
		Config: cfg.complete(), Client: mgr.GetClient(), live: mgr.GetAPIReader(),
		recorder: mgr.GetEventRecorder("holdfast"), found: newListings(),
		wake: make(chan event.TypedGenericEvent[*v1alpha1.Cluster], 1024),
	}
	k.leases, k.operationsEnded = newLiveness(k.Now), newOperationsEnded()
	for name, add := range map[string]func(manager.Manager) error{
		"leases": k.addLeases, "cluster": k.addClusters, "machine": k.addMachines, "catalogue": k.addCatalogue,
		"target": k.addTargets, "operations": k.addOperations, "rejoin": k.addRejoins, "handover": k.addHandovers, "join tokens": k.addJoinTokens, "metrics": k.addMetrics,
	} {
		if err := add(mgr); err != nil {
			return fmt.Errorf("add the controller of %s: %w", name, err)
		}
	}
	return nil
}

func (c Config) complete() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Metrics == nil {
		c.Metrics = metrics.Registry
	}
	if c.TargetPeriod == 0 {
		c.TargetPeriod = 15 * time.Minute
	}
	if c.Targets == nil {
		c.Targets = s3Targets{log: c.Log}
	}
	return c
}

// retry turns what happens between concurrent writers into another look, instead of an error in the log.
func retry(err error) (reconcile.Result, error) {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return reconcile.Result{RequeueAfter: 100 * time.Millisecond}, nil
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return reconcile.Result{}, nil // nothing can be made here any more
	}
	return reconcile.Result{}, err
}

// clusterOf returns the cluster of a namespace: its only one, or the oldest.
func (k *kit) clusterOf(ctx context.Context, namespace string) (*v1alpha1.Cluster, error) {
	var all v1alpha1.ClusterList
	if err := k.List(ctx, &all, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var found *v1alpha1.Cluster
	for i := range all.Items {
		c := &all.Items[i]
		if found == nil || c.CreationTimestamp.Before(&found.CreationTimestamp) ||
			c.CreationTimestamp.Equal(&found.CreationTimestamp) && c.Name < found.Name {
			found = c
		}
	}
	return found, nil
}

// toCluster maps any object to the cluster of its namespace.
func (k *kit) toCluster(ctx context.Context, object client.Object) []reconcile.Request {
	c, err := k.clusterOf(ctx, object.GetNamespace())
	if err != nil || c == nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(c)}}
}

// told has the objects reconciled that are sent to a channel.
func told[T client.Object](events chan event.TypedGenericEvent[T]) source.Source {
	return source.Channel(events, &handler.TypedEnqueueRequestForObject[T]{}, source.WithBufferSize[T, reconcile.Request](cap(events)))
}
