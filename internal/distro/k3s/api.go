package k3s

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"
)

// apiServer is the Kubernetes API as this machine reaches it by itself, with a kubeconfig that the distribution wrote. Each
// call connects anew: certificates and ports change with the distribution's restarts.
type apiServer struct {
	kubeconfig string
}

// api is the server's own, on servers without one what leads to the others', on workers the kubelet's.
func (n *node) api() *apiServer {
	path := n.serverDir("cred", "admin.kubeconfig")
	if !n.server() {
		path = filepath.Join(n.dataDir(), "agent", "kubelet.kubeconfig")
	}
	return &apiServer{kubeconfig: filepath.Join(n.root, path)}
}

// apiTimeout bounds a request. An API server that needs longer is of no use.
const apiTimeout = 5 * time.Second

func (a *apiServer) connect() (typed.CoreV1Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", a.kubeconfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the distribution has not made its kubeconfig %s yet: %w", a.kubeconfig, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig %s: %w", a.kubeconfig, err)
	}
	config.Timeout = apiTimeout
	return typed.NewForConfig(config)
}

// ready returns nil when the API server says that it is.
func (a *apiServer) ready(ctx context.Context) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if _, err := api.RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		return fmt.Errorf("the API server is not ready: %w", err)
	}
	return nil
}

// nodeReady returns nil when a Node is ready.
func (a *apiServer) nodeReady(ctx context.Context, name string) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	found, err := api.Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("ask for the Node: %w", err)
	}
	for _, c := range found.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
			return fmt.Errorf("the Node is not ready: %s: %s", c.Reason, c.Message)
		}
	}
	return nil
}

// remove deletes a Secret in kube-system. One that is not there is no error.
func (a *apiServer) remove(ctx context.Context, secret string) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if err := api.Secrets(metav1.NamespaceSystem).Delete(ctx, secret, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Secret %s: %w", secret, err)
	}
	return nil
}

// keep writes entries into a ConfigMap in kube-system, and leaves the others there alone. It writes only what differs. Other
// machines do the same at the same time.
func (a *apiServer) keep(ctx context.Context, name string, entries map[string]string) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	inTheWay := func(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }
	return retry.OnError(retry.DefaultBackoff, inTheWay, func() error {
		return merge(ctx, api.ConfigMaps(metav1.NamespaceSystem), name, entries)
	})
}

func merge(ctx context.Context, configs typed.ConfigMapInterface, name string, entries map[string]string) error {
	found, err := configs.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = configs.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: entries}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	changed := found.DeepCopy()
	if changed.Data == nil {
		changed.Data = map[string]string{}
	}
	maps.Copy(changed.Data, entries)
	if maps.Equal(changed.Data, found.Data) {
		return nil
	}
	_, err = configs.Update(ctx, changed, metav1.UpdateOptions{})
	return err
}
