package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// fieldManager owns what the manifests say.
const fieldManager = "holdfast-server"

// ApplyManifests brings every manifest in files to the API server and waits until the resources that they define are
// served. It can be repeated, and an older server's manifests are brought up to date.
func ApplyManifests(ctx context.Context, config *rest.Config, files fs.FS) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	a := &applier{mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery())), client: dynamicClient}
	err = fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err == nil {
			err = a.apply(ctx, data)
		}
		if err != nil {
			return fmt.Errorf("apply %s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.waitServed(ctx)
}

type applier struct {
	mapper *restmapper.DeferredDiscoveryRESTMapper
	client dynamic.Interface
	// definitions that were applied, by name.
	definitions []string
}

func (a *applier) apply(ctx context.Context, data []byte) error {
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := documents.Decode(object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(object.Object) == 0 {
			continue
		}
		if err := a.applyObject(ctx, object); err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

func (a *applier) applyObject(ctx context.Context, object *unstructured.Unstructured) error {
	mapping, err := a.mapper.RESTMapping(object.GroupVersionKind().GroupKind(), object.GroupVersionKind().Version)
	if err != nil {
		return err
	}
	_, err = a.client.Resource(mapping.Resource).Namespace(object.GetNamespace()).
		Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err == nil && object.GetKind() == "CustomResourceDefinition" {
		a.definitions = append(a.definitions, object.GetName())
	}
	return err
}

// waitServed waits until each definition is established: before that, requests for its resources are answered 404.
func (a *applier) waitServed(ctx context.Context) error {
	for _, name := range a.definitions {
		err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			return a.served(ctx, name)
		})
		if err != nil {
			return fmt.Errorf("wait until %s is served: %w", name, err)
		}
	}
	return nil
}

func (a *applier) served(ctx context.Context, name string) (bool, error) {
	resource := schema.GroupVersionResource{Group: apiextensions.GroupName, Version: "v1", Resource: "customresourcedefinitions"}
	object, err := a.client.Resource(resource).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	var definition apiextensions.CustomResourceDefinition
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &definition); err != nil {
		return false, err
	}
	for _, c := range definition.Status.Conditions {
		if c.Type == apiextensions.Established {
			return c.Status == apiextensions.ConditionTrue, nil
		}
	}
	return false, nil
}
