package httpd

import (
	"context"
	"errors"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/download"
)

// asCaller serves what is no resource of the API but made of some, with the rights of whoever asks and no others. An error of
// serve is answered as the Kubernetes API does.
func (g *guard) asCaller(serve func(w http.ResponseWriter, r *http.Request, c client.Client) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := bearer(w, r)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), reviewTimeout)
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		c, err := g.client(token)
		if err == nil {
			err = serve(w, r.WithContext(ctx), c)
		}
		if known := apierrors.APIStatus(nil); err != nil && !errors.As(err, &known) {
			err = apierrors.NewServiceUnavailable("the Kubernetes API does not answer: " + err.Error())
		}
		if err != nil {
			download.Refuse(w, err)
		}
	}
}

// client speaks to the API with a caller's token.
func (g *guard) client(token string) (client.Client, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	api := rest.CopyConfig(g.api)
	api.BearerToken = token
	return client.New(api, client.Options{Scheme: scheme, Mapper: asked()})
}

// asked are the resources that callers' requests need. The list is fixed, so that the API is not asked what there is.
func asked() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	holdfast := v1alpha1.GroupVersion()
	for kind, resource := range map[schema.GroupVersionKind]string{
		holdfast.WithKind("Cluster"): "clusters", holdfast.WithKind("Machine"): "machines",
		holdfast.WithKind("EtcdSnapshot"): "etcdsnapshots", corev1.SchemeGroupVersion.WithKind("Secret"): "secrets",
	} {
		plural := kind.GroupVersion().WithResource(resource)
		mapper.AddSpecific(kind, plural, plural, meta.RESTScopeNamespace)
	}
	return mapper
}
