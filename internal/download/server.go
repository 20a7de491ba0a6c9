package download

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/place"
)

// life of a link: enough to begin a download, and to ask for another link when it is cut.
const life = 5 * time.Minute

// signTimeout bounds the work on one request: a look at the object, and for some keys a question to who gives them out.
const signTimeout = 30 * time.Second

// Config of the manager's side.
type Config struct {
	// Client with the manager's rights: it reads the Secret that the caller may not.
	Client client.Reader
	// Log gets who was given a link to what, never the link.
	Log *slog.Logger
}

// Server makes links. It trusts that the caller's right was checked.
type Server struct{ cfg Config }

// NewServer returns the manager's side.
func NewServer(cfg Config) *Server { return &Server{cfg} }

// Serve answers a request of user for a link.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, user string) {
	ctx, cancel := context.WithTimeout(r.Context(), signTimeout)
	defer cancel()
	key := client.ObjectKey{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
	log := s.cfg.Log.With("namespace", key.Namespace, "snapshot", key.Name, "user", user)
	link, err := s.link(ctx, key)
	if err != nil {
		log.Warn("no link to a snapshot was given out", "error", err)
		Refuse(w, err)
		return
	}
	log.Info("a link to a snapshot was given out", "location", link.Location, "expires", link.Expires)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// Whoever has gone away asks again.
	_ = json.NewEncoder(w).Encode(link)
}

// Refuse answers as the Kubernetes API does.
func Refuse(w http.ResponseWriter, err error) {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		known = apierrors.NewInternalError(errors.New("the manager could not do it: its log says why; try again"))
	}
	status := known.Status()
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(int(status.Code))
	_ = json.NewEncoder(w).Encode(status)
}

// Reasons of a refusal that are ours.
const (
	// ReasonNoRemoteCopy: no copy lies in the cluster's S3 target.
	ReasonNoRemoteCopy metav1.StatusReason = "NoRemoteCopy"
	// ReasonTargetFailed: the S3 target does not do what a link needs.
	ReasonTargetFailed metav1.StatusReason = "TargetFailed"
)

func refusal(reason metav1.StatusReason, err error) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusConflict, Reason: reason, Message: err.Error(),
	}}
}

func (s *Server) link(ctx context.Context, key client.ObjectKey) (*Link, error) {
	snapshot := new(v1alpha1.EtcdSnapshot)
	if err := s.cfg.Client.Get(ctx, key, snapshot); err != nil {
		return nil, err
	}
	cluster, err := s.clusterOf(ctx, key.Namespace)
	if err != nil {
		return nil, err
	}
	target := cluster.Spec.Etcd.S3
	if target == nil {
		return nil, refusal(ReasonNoRemoteCopy, fmt.Errorf("cluster %s has no S3 target: its snapshots lie on the machines alone", cluster.Name))
	}
	places := place.Places{S3: target, Host: "holdfast-server", Log: s.cfg.Log}
	if name := target.CredentialSecretName; name != "" {
		var secret corev1.Secret
		if err := s.cfg.Client.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: name}, &secret); err != nil {
			return nil, refusal(ReasonTargetFailed, fmt.Errorf("read Secret %s with the target's keys: %w", name, err))
		}
		places.Keys = place.KeysIn(secret.Data)
	}
	return sign(ctx, places, snapshot)
}

// clusterOf returns the cluster of a namespace.
func (s *Server) clusterOf(ctx context.Context, namespace string) (*v1alpha1.Cluster, error) {
	var all v1alpha1.ClusterList
	if err := s.cfg.Client.List(ctx, &all, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	if len(all.Items) == 0 {
		return nil, refusal(ReasonNoRemoteCopy, fmt.Errorf("namespace %s has no Cluster", namespace))
	}
	oldest := &all.Items[0]
	for i := range all.Items {
		if all.Items[i].CreationTimestamp.Before(&oldest.CreationTimestamp) {
			oldest = &all.Items[i]
		}
	}
	return oldest, nil
}

// sign makes a link to the best copy in the target that the cluster has now.
func sign(ctx context.Context, places place.Places, snapshot *v1alpha1.EtcdSnapshot) (*Link, error) {
	failed := fmt.Errorf("no copy of %s lies in the cluster's S3 target", snapshot.Name)
	reason := ReasonNoRemoteCopy
	for _, c := range Remote(snapshot) {
		link, err := places.Link(ctx, c.Location, life)
		if errors.Is(err, place.ErrElsewhere) { // in a folder that was the target once
			continue
		}
		if err != nil {
			failed, reason = err, ReasonTargetFailed
			continue
		}
		return &Link{
			URL: link.URL.Reveal(), Expires: link.Expires.UTC().Truncate(time.Second), File: path.Base(link.Info.Name), Location: c.Location,
			Size: link.Info.Size, SHA256: c.SHA256, EndpointCA: places.S3.EndpointCA, SkipSSLVerify: places.S3.SkipSSLVerify,
		}, nil
	}
	return nil, refusal(reason, failed)
}
