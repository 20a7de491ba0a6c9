package httpd

import (
	"context"
	"errors"
	"net/http"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/download"
)

// downloads lets those pass who may create the subresource download of a snapshot, and tells who it is.
func (g *guard) downloads(serve func(w http.ResponseWriter, r *http.Request, user string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := bearer(w, r)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), reviewTimeout)
		defer cancel()
		user, err := g.mayDownload(ctx, token, r.PathValue("namespace"), r.PathValue("name"))
		if known := apierrors.APIStatus(nil); err != nil && !errors.As(err, &known) {
			err = apierrors.NewServiceUnavailable("the Kubernetes API does not say whether the token may do this")
		}
		if err != nil {
			download.Refuse(w, err)
			return
		}
		serve(w, r, user)
	}
}

// bearer is the token that comes with a request. One without is refused as the Kubernetes API does.
func bearer(w http.ResponseWriter, r *http.Request) (token string, ok bool) {
	token, ok = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		w.Header().Set("WWW-Authenticate", "Bearer")
		download.Refuse(w, apierrors.NewUnauthorized("send a token of the Kubernetes API"))
		return "", false
	}
	return token, true
}

// who says whom a token speaks for.
func (g *guard) who(ctx context.Context, token string) (authenticationv1.UserInfo, error) {
	api := rest.CopyConfig(g.api)
	api.BearerToken = token
	people, err := authenticationclient.NewForConfig(api)
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	review, err := people.SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	return review.Status.UserInfo, nil
}

// mayDownload returns who the token speaks for, if that one may.
func (g *guard) mayDownload(ctx context.Context, token, namespace, name string) (user string, err error) {
	api := rest.CopyConfig(g.api)
	api.BearerToken = token
	reviews, err := authorizationclient.NewForConfig(api)
	if err != nil {
		return "", err
	}
	who, err := g.who(ctx, token)
	if err != nil {
		return "", err
	}
	user = who.Username
	answer, err := reviews.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Name: name, Verb: "create",
			Group: v1alpha1.GroupVersion().Group, Resource: download.Resource, Subresource: download.Subresource,
		},
	}}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	if !answer.Status.Allowed {
		resource := schema.GroupResource{Group: v1alpha1.GroupVersion().Group, Resource: download.Resource + "/" + download.Subresource}
		return "", apierrors.NewForbidden(resource, name, forbiddenError{user, namespace})
	}
	return user, nil
}

// forbiddenError reads as the API server's own.
type forbiddenError struct{ user, namespace string }

func (e forbiddenError) Error() string {
	return `User "` + e.user + `" cannot create resource "` + download.Resource + "/" + download.Subresource + `" in API group "` +
		v1alpha1.GroupVersion().Group + `" in the namespace "` + e.namespace + `"`
}
