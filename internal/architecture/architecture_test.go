package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/holdfast-dev/holdfast"

type pkg struct {
	ImportPath string
	Doc        string
	Name       string
	Imports    []string
	GoFiles    []string
}

// packages of the module in a folder of the repository.
func packages(t *testing.T, folder string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Name,Imports,GoFiles", "./...")
	cmd.Dir = filepath.Join("../..", folder)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, folder := range []string{".", "server", "test"} {
		for _, p := range packages(t, folder) {
			if p.Doc == "" && len(p.GoFiles) > 0 {
				t.Errorf("%s has no package comment", p.ImportPath)
			}
		}
	}
}

// The layers, from the bottom. A package may import its own layer and those before it.
var layers = []string{"/engine", "/api", "/deploy", "/web", "/internal", "/cmd", "/docs"}

func layer(path string) int {
	for i, l := range layers {
		if strings.HasPrefix(path, module+l+"/") || path == module+l {
			return i
		}
	}
	return -1
}

func TestImportsFlowOneWay(t *testing.T) {
	all := packages(t, ".")
	if len(all) < 10 {
		t.Fatalf("only %d packages found", len(all))
	}
	for _, p := range all {
		own := layer(p.ImportPath)
		if own < 0 {
			t.Errorf("%s is in no layer", p.ImportPath)
		}
		for _, imported := range p.Imports {
			if l := layer(imported); l > own {
				t.Errorf("%s (%s) imports %s (%s)", p.ImportPath, layers[own], imported, layers[l])
			}
		}
	}
}

// What must not know of each other inside the engine, so that each can be used alone.
func TestTheEnginesPartsStayApart(t *testing.T) {
	forbidden := map[string][]string{
		"/engine/mvcc":            {"/engine/etcd", "/engine/snapshot", "/engine/repository", "go.etcd.io"},
		"/engine/etcd":            {"/engine/mvcc", "/engine/snapshot", "/engine/repository"},
		"/engine/repository/blob": {"/engine/etcd", "/engine/mvcc", "/engine/snapshot"},
		"/engine/problem":         {"/engine"},
		"/engine/durable":         {"/engine"},
		"/engine":                 {"k8s.io/", "net/http/httptest"},
		"/api":                    {"/engine", "k8s.io/client-go", "k8s.io/kubernetes", "sigs.k8s.io/controller-runtime"},
		"/deploy":                 {"/engine", "/api", "k8s.io/"},
		"/internal":               {"k8s.io/kubernetes"},
		"/cmd":                    {"k8s.io/kubernetes"},
		"/internal/operation":     {"/internal/controller", "/internal/agent", "k8s.io/client-go", "sigs.k8s.io/", "net/"},
		"/internal/controller":    {"/internal/agent", "/internal/httpd", "/internal/cli"},
		"/internal/agent":         {"/internal/controller", "/internal/operation", "/internal/cli"},
		"/internal/step":          {"/internal/controller", "/internal/operation", "/internal/agent", "k8s.io/client-go", "sigs.k8s.io/controller-runtime"},
		"/internal/cli":           {"/internal/controller", "/internal/operation", "/internal/agent", "/internal/httpd", "k8s.io/client-go/discovery"},
		"/internal/cli/etcd":      {"/internal/cli/manager", "k8s.io/", "sigs.k8s.io/controller-runtime"},
		"/internal/cli/repo":      {"/internal/cli/manager", "k8s.io/", "sigs.k8s.io/controller-runtime"},
	}
	for _, p := range packages(t, ".") {
		for from, list := range forbidden {
			if !strings.HasPrefix(p.ImportPath+"/", module+from+"/") {
				continue
			}
			for _, imported := range p.Imports {
				for _, banned := range list {
					if strings.HasPrefix(imported, banned) || strings.HasPrefix(imported+"/", module+banned+"/") &&
						!strings.HasPrefix(imported+"/", module+from+"/") {
						t.Errorf("%s must not import %s", p.ImportPath, imported)
					}
				}
			}
		}
	}
}
