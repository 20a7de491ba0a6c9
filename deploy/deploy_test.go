package deploy

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// schema is the part of a definition's schema that this test walks.
type schema struct {
	Description string            `json:"description"`
	Properties  map[string]schema `json:"properties"`
	Items       *schema           `json:"items"`
}

type definition struct {
	Spec struct {
		Names    struct{ Kind string }
		Versions []struct {
			Schema                   struct{ OpenAPIV3Schema schema }
			AdditionalPrinterColumns []struct{ Name string }
		}
	}
}

func TestKubectlExplainsEveryField(t *testing.T) {
	fields, kinds := 0, 0
	for _, d := range definitions(t) {
		kinds++
		for _, v := range d.Spec.Versions {
			walk(d.Spec.Names.Kind, v.Schema.OpenAPIV3Schema, func(at string, s schema) {
				fields++
				if s.Description == "" {
					t.Errorf("%s has no description", at)
				}
			})
			if len(v.AdditionalPrinterColumns) == 0 {
				t.Errorf("kubectl get shows nothing of a %s but its name", d.Spec.Names.Kind)
			}
		}
	}
	if kinds != 8 || fields < 300 {
		t.Errorf("only %d kinds with %d fields were found", kinds, fields)
	}
}

func TestTheKustomizationHasEveryManifest(t *testing.T) {
	data, err := os.ReadFile("kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(data, &kustomization); err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(Manifests, ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !slices.Contains(kustomization.Resources, path) {
			t.Errorf("%s is not in it", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func walk(at string, s schema, visit func(string, schema)) {
	if !strings.HasSuffix(at, ".metadata") { // Kubernetes' own
		visit(at, s)
	}
	for name, field := range s.Properties {
		walk(at+"."+name, field, visit)
	}
	if s.Items != nil {
		for name, field := range s.Items.Properties {
			walk(at+"[]."+name, field, visit)
		}
	}
}

func definitions(t *testing.T) []definition {
	t.Helper()
	files, err := fs.Glob(Manifests, path.Join("crds", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []definition
	for _, file := range files {
		data, err := fs.ReadFile(Manifests, file)
		if err != nil {
			t.Fatal(err)
		}
		var d definition
		if err := yaml.Unmarshal(data, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, d)
	}
	return all
}
