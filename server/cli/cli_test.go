// Package cli_test tries the commands of holdfast that speak to a manager against a real API server. What the controllers
// would write into status, the tests write.
package cli_test

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/deploy"
	"github.com/holdfast-dev/holdfast/internal/cli"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/server/controlplane"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is what every command takes for the time, so that ages stay the same.
var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// lab is a manager's API without its controllers, and a shell to it.
type lab struct {
	t          *testing.T
	plane      *controlplane.ControlPlane
	client     client.Client
	kubeconfig string
}

func start(t *testing.T) *lab {
	t.Helper()
	p, err := controlplane.Start(context.WithoutCancel(t.Context()), controlplane.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := controlplane.ApplyManifests(ctx, p.Loopback, deploy.Manifests); err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, plane: p, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	l.client = l.clientFor(p.Loopback)
	l.writeKubeconfig(l.kubeconfig, p.Loopback)
	return l
}

func (l *lab) clientFor(config *rest.Config) client.Client {
	l.t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, core.AddToScheme, coordination.AddToScheme} {
		if err := add(scheme); err != nil {
			l.t.Fatal(err)
		}
	}
	config = rest.CopyConfig(config)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	c, err := client.New(config, client.Options{Scheme: scheme, Log: logr.FromSlogHandler(slog.DiscardHandler)})
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

func (l *lab) writeKubeconfig(path string, config *rest.Config) {
	l.t.Helper()
	k := api.NewConfig()
	k.Clusters["lab"] = &api.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData, TLSServerName: config.ServerName}
	k.AuthInfos["lab"] = &api.AuthInfo{Token: config.BearerToken, Impersonate: config.Impersonate.UserName}
	k.Contexts["lab"] = &api.Context{Cluster: "lab", AuthInfo: "lab"}
	k.CurrentContext = "lab"
	if err := clientcmd.WriteToFile(*k, path); err != nil {
		l.t.Fatal(err)
	}
}

// said is what a command has answered.
type said struct {
	code     int
	out, err string
}

// run runs a command line, as the kubeconfig's user.
func (l *lab) run(args ...string) said { return l.answer("", args...) }

// answer runs a command line and types an answer to what it asks.
func (l *lab) answer(typed string, args ...string) said {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	return runIn(ctx, map[string]string{"KUBECONFIG": l.kubeconfig}, typed, args...)
}

func runIn(ctx context.Context, env map[string]string, typed string, args ...string) said {
	var out, errs bytes.Buffer
	code := cli.Run(ctx, &console.Console{
		In: strings.NewReader(typed), Out: &out, Err: &errs, Version: "test",
		Getenv: func(name string) string { return env[name] }, Now: func() time.Time { return now },
	}, args)
	return said{code, out.String(), errs.String()}
}

// must fails the test unless the command ended with this code.
func (s said) must(t *testing.T, code int) said {
	t.Helper()
	if s.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", s.code, code, s.out, s.err)
	}
	return s
}

// says fails the test unless both the streams together hold all the texts.
func (s said) says(t *testing.T, texts ...string) said {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(s.out+s.err, text) {
			t.Errorf("%q is missing in\n%s%s", text, s.out, s.err)
		}
	}
	return s
}

// golden compares what was printed with a file.
func (l *lab) golden(name, got string) {
	l.t.Helper()
	got = strings.ReplaceAll(got, l.plane.Loopback.Host, "https://manager")
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			l.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		l.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		l.t.Errorf("%s (- wanted, + printed; -update writes it): %s", path, diff)
	}
}

// put creates an object with its status.
func (l *lab) put(objects ...client.Object) {
	l.t.Helper()
	for _, obj := range objects {
		status, _ := obj.DeepCopyObject().(client.Object)
		if err := l.client.Create(l.t.Context(), obj); err != nil {
			l.t.Fatalf("create %s: %v", obj.GetName(), err)
		}
		status.SetResourceVersion(obj.GetResourceVersion())
		if _, ok := obj.(*core.Namespace); ok {
			continue
		}
		if err := l.client.Status().Update(l.t.Context(), status); err != nil && !strings.Contains(err.Error(), "not find the requested resource") {
			l.t.Fatalf("write the status of %s: %v", obj.GetName(), err)
		}
	}
}

// ago is a time before now.
func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(-d)} }
