package httpd

import (
	"context"
	"net/http"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

const pathMetrics = "/metrics"

// reviewTimeout bounds the question to the API.
const reviewTimeout = 10 * time.Second

// guard lets those pass who may read a path of the Kubernetes API. It asks with the caller's own token, so it needs no
// rights and can't be tricked into lending them.
type guard struct{ api *rest.Config }

func newGuard(api *rest.Config) (*guard, error) {
	anonymous := rest.AnonymousClientConfig(api)
	// One transport for all callers' tokens: client-go keeps one for each configuration that it has seen.
	transport, err := rest.TransportFor(anonymous)
	if err != nil {
		return nil, err
	}
	host := anonymous.Host
	if target, _, err := rest.DefaultServerUrlFor(anonymous); err == nil {
		host = target.String()
	}
	return &guard{api: &rest.Config{Host: host, Transport: transport, QPS: -1}}, nil
}

func (g *guard) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !is || token == "" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "send a token of the Kubernetes API that may get the path "+r.URL.Path, http.StatusUnauthorized)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), reviewTimeout)
		defer cancel()
		allowed, err := g.allowed(ctx, token, r.URL.Path)
		switch {
		case apierrors.IsUnauthorized(err):
			http.Error(w, "the token is not good, or not any more", http.StatusUnauthorized)
		case err != nil:
			http.Error(w, "the Kubernetes API does not say whether the token may do this", http.StatusBadGateway)
		case !allowed:
			http.Error(w, "the token may not get the path "+r.URL.Path+": bind its user to ClusterRole holdfast-metrics", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (g *guard) allowed(ctx context.Context, token, path string) (bool, error) {
	api := rest.CopyConfig(g.api)
	api.BearerToken = token
	client, err := authorizationclient.NewForConfig(api)
	if err != nil {
		return false, err
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: "get"},
	}}
	answer, err := client.SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}
