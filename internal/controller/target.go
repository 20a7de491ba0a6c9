package controller

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/place"
)

// listTimeout bounds the listing of one folder.
const listTimeout = 5 * time.Minute

// s3Targets lists real folders.
type s3Targets struct{ log *slog.Logger }

// List implements Targets.
func (t s3Targets) List(ctx context.Context, target v1alpha1.S3, secret *corev1.Secret) ([]v1alpha1.SnapshotFile, error) {
	keys := place.Keys{}
	if secret != nil {
		keys = place.KeysIn(secret.Data)
	}
	repo, err := place.Places{Host: "holdfast-server", Log: t.log}.Of(target, keys)
	if err != nil {
		return nil, err
	}
	entries, err := repo.List(ctx)
	if err != nil {
		return nil, errors.Join(repository.Explain("list", repo.Location(""), err), repo.Close())
	}
	files := make([]v1alpha1.SnapshotFile, 0, len(entries))
	for _, e := range entries {
		files = append(files, repo.File(e, ""))
	}
	return files, repo.Close()
}

// listing is what a look into an S3 folder showed. It lives in memory only: after a start all folders are listed anew.
type listing struct {
	// known: the folder was listed, and files are what is in it.
	known bool
	// at is when it was begun: what was stored later need not be in it.
	at    time.Time
	files []v1alpha1.SnapshotFile
	// err of the last look.
	err error
}

// listings of all clusters' folders.
type listings struct {
	mu  sync.Mutex
	all map[types.NamespacedName]listing
	// asked are clusters whose folder is to be listed now; listed those whose listing has changed.
	asked, listed chan event.TypedGenericEvent[*v1alpha1.Cluster]
}

func newListings() *listings {
	return &listings{
		all:    map[types.NamespacedName]listing{},
		asked:  make(chan event.TypedGenericEvent[*v1alpha1.Cluster], 4096),
		listed: make(chan event.TypedGenericEvent[*v1alpha1.Cluster], 4096),
	}
}

func (l *listings) get(cluster types.NamespacedName) listing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[cluster]
}

func (l *listings) set(cluster types.NamespacedName, found listing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[cluster] = found
}

// ask makes a folder be listed soon.
func (l *listings) ask(c *v1alpha1.Cluster) {
	if c.Spec.Etcd.S3 != nil {
		l.asked <- event.TypedGenericEvent[*v1alpha1.Cluster]{Object: c}
	}
}

// targets lists the S3 folders of all clusters: now and then, and when there is a reason.
type targets struct{ *kit }

func (k *kit) addTargets(mgr manager.Manager) error {
	return builder.ControllerManagedBy(mgr).Named("Target").
		For(&v1alpha1.Cluster{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(told(k.found.asked)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4}).
		Complete(&targets{k})
}

// Reconcile lists one folder.
func (r *targets) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	c := new(v1alpha1.Cluster)
	if err := r.Get(ctx, request.NamespacedName, c); err != nil {
		r.found.set(request.NamespacedName, listing{})
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	target := c.Spec.Etcd.S3
	if target == nil {
		r.found.set(request.NamespacedName, listing{known: true, at: r.Now()})
		r.wake <- event.TypedGenericEvent[*v1alpha1.Cluster]{Object: c}
		return reconcile.Result{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	begun := r.Now()
	files, err := r.look(ctx, c, *target)
	found := listing{known: true, at: begun, files: files}
	if err != nil {
		r.Log.Warn("an S3 folder could not be listed", "cluster", request.String(), "error", err)
		found = r.found.get(request.NamespacedName)
		found.err = err
	}
	r.found.set(request.NamespacedName, found)
	r.wake <- event.TypedGenericEvent[*v1alpha1.Cluster]{Object: c}
	r.found.listed <- event.TypedGenericEvent[*v1alpha1.Cluster]{Object: c}
	return reconcile.Result{RequeueAfter: r.period(request)}, nil
}

func (r *targets) look(ctx context.Context, c *v1alpha1.Cluster, target v1alpha1.S3) ([]v1alpha1.SnapshotFile, error) {
	if target.CredentialSecretName == "" {
		return r.Targets.List(ctx, target, nil)
	}
	secret := new(corev1.Secret)
	key := client.ObjectKey{Namespace: c.Namespace, Name: target.CredentialSecretName}
	if err := r.live.Get(ctx, key, secret); err != nil {
		return nil, fmt.Errorf("read Secret %s with the credentials: %w", key.Name, err)
	}
	return r.Targets.List(ctx, target, secret)
}

// period differs a little between clusters, so that they do not all come at once after a start.
func (r *targets) period(request reconcile.Request) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(request.String()))
	return r.TargetPeriod + time.Duration(h.Sum32()%100)*r.TargetPeriod/400
}
