package record

import (
	"context"
	_ "embed" // the definition
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/distro/kube"
)

//go:embed crd.yaml
var definition []byte

// Define makes the definition of ETCDSnapshotFile, and returns when the API serves it.
func Define(ctx context.Context, c *kube.Clients) error {
	var crd unstructured.Unstructured
	if err := yaml.Unmarshal(definition, &crd.Object); err != nil {
		return err
	}
	crds := c.Dynamic.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	if _, err := crds.Create(ctx, &crd, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create CRD %s: %w", crd.GetName(), err)
	}
	for {
		_, err := c.Dynamic.Resource(gvr()).List(ctx, metav1.ListOptions{Limit: 1})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}
