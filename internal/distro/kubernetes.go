package distro

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/holdfast-dev/holdfast/engine/etcd"
)

// systemNamespace is where a Kubernetes API server keeps its namespace kube-system, unless its --etcd-prefix is another.
const systemNamespace = "/registry/namespaces/kube-system"

// kubernetesUID tells which Kubernetes keeps its objects in the etcd: the UID of its namespace kube-system, which each
// has and which never changes. Empty: none, as far as can be seen.
func kubernetesUID(ctx context.Context, client *etcd.Client, endpoint string) (string, error) {
	value, err := client.Value(ctx, endpoint, systemNamespace)
	if err != nil || value == nil {
		return "", err
	}
	return uidOf(value)
}

// uidOf reads the UID of an object as an API server stores it: protobuf or JSON.
func uidOf(stored []byte) (string, error) {
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(stored, nil, nil)
	if err != nil {
		return "", fmt.Errorf("decode %s: %w", systemNamespace, err)
	}
	about, err := meta.Accessor(object)
	if err != nil {
		return "", err
	}
	return string(about.GetUID()), nil
}
