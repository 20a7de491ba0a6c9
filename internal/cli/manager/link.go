package manager

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/download"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// Link asks for a link to a snapshot's bytes in S3. It is as good as a key for the snapshot while it lasts.
func (m *Manager) Link(ctx context.Context, s *v1alpha1.EtcdSnapshot) (*download.Link, error) {
	port, err := m.port(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	answer := port.Post().AbsPath(download.PathOf(s.Namespace, s.Name)).Do(ctx)
	link, err := new(download.Link), answer.Error() // which, unlike Raw, has the manager's own words
	if err == nil {
		body, _ := answer.Raw()
		err = json.Unmarshal(body, link)
	}
	return link, m.explain("make a link to", "snapshot "+s.Name, err)
}

// port is the manager's own, beside the API that it passes on. A kubeconfig names it, or an API server that knows it.
func (m *Manager) port(ctx context.Context) (*rest.RESTClient, error) {
	config := rest.CopyConfig(m.config)
	if config.BearerToken == "" && config.BearerTokenFile == "" && config.ExecProvider == nil && config.AuthProvider == nil {
		return nil, &problem.Error{
			Kind: problem.Denied, Op: "reach", Subject: "the manager's port", Why: "the kubeconfig has no token, and the port takes nothing else",
			Next: "use a kubeconfig with a token: kubectl create token SERVICEACCOUNT makes one",
		}
	}
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	if u, err := url.Parse(config.Host); err == nil && strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), enroll.PathAPI) {
		u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), enroll.PathAPI)
		config.Host = u.String()
		return rest.UnversionedRESTClientFor(config)
	}
	var info enroll.Info
	err := m.With(ctx, "read", "the manager's address", func(ctx context.Context, c client.Client) (err error) {
		info, err = enroll.ReadInfo(ctx, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(info.Addresses) == 0 {
		return nil, &problem.Error{Kind: problem.Refused, Op: "find", Subject: "the manager's port", Why: "the manager does not say where it is reached"}
	}
	config.Host, config.TLSClientConfig = "https://"+info.Addresses[0], rest.TLSClientConfig{CAData: []byte(info.CA)}
	return rest.UnversionedRESTClientFor(config)
}
