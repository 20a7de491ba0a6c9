package manager

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/server/controlplane"
)

// existing is a Kubernetes API that knows nothing of Holdfast, as a kubeconfig.
func existing(t *testing.T) string {
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
	config := clientcmdapi.NewConfig()
	config.Clusters["a"] = &clientcmdapi.Cluster{
		Server: p.Loopback.Host, CertificateAuthorityData: p.Loopback.CAData, TLSServerName: p.Loopback.ServerName,
	}
	config.AuthInfos["a"] = &clientcmdapi.AuthInfo{Token: p.Loopback.BearerToken}
	config.Contexts["a"] = &clientcmdapi.Context{Cluster: "a", AuthInfo: "a"}
	config.CurrentContext = "a"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAnExistingClusterIsChangedOnlyWhenAskedAndSharedByManagers(t *testing.T) {
	c := &clock{}
	cfg := Config{
		Kubeconfig: existing(t), Listen: "127.0.0.1:0", Advertise: []string{"127.0.0.1"}, Agents: t.TempDir(),
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: c.now,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if _, err := Start(ctx, cfg); problem.KindOf(err) != problem.Refused || problem.NextOf(err) == "" {
		t.Fatalf("without the manifests: %v", err)
	}
	cfg.ApplyManifests = true
	first, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	one := newFixture(t, first, c)
	eventually(t, "the only one leads", func() bool { return leader(t, one) != "" })
	cfg.ApplyManifests = false
	second, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	two := newFixture(t, second, c)
	if one.front.ca.Hash() != two.front.ca.Hash() || one.front.info.Pin != two.front.info.Pin {
		t.Error("the two managers are not one to the machines")
	}
	one.addClusterWith(t, one.all)
	agent, err := two.join(t, t.TempDir(), "node1", one.inviteWith(t, one.all, "", v1alpha1.RoleEtcd))
	if err != nil {
		t.Fatal(err)
	}
	if err := read(t, connect(t, agent.RESTConfig()), &v1alpha1.Machine{}, "node1"); err != nil {
		t.Error(err)
	}
	was := leader(t, one)
	one.end()
	eventually(t, "the other leads, because the first has let go", func() bool {
		is := leader(t, two)
		return is != was && is != ""
	})
	if err := agent.Renew(t.Context()); err != nil {
		t.Errorf("the other manager doesn't know the machine: %v", err)
	}
}

// leader is the manager that runs the controllers; "" for none.
func leader(t *testing.T, f *fixture) string {
	t.Helper()
	var lease coordinationv1.Lease
	err := f.all.Get(t.Context(), client.ObjectKey{Namespace: enroll.SystemNamespace, Name: "holdfast-server"}, &lease)
	if err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
