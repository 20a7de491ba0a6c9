package controlplane

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	cliflag "k8s.io/component-base/cli/flag"
	aggregator "k8s.io/kube-aggregator/pkg/apiserver"
	"k8s.io/kubernetes/pkg/controlplane/apiserver/options"
	generic "k8s.io/kubernetes/pkg/controlplane/apiserver/samples/generic/server"

	"github.com/holdfast-dev/holdfast/server/datadir"
)

// apiServer is an API server that is wired and not yet running.
type apiServer struct {
	chain *aggregator.APIAggregator
	// address it will listen on.
	address string
}

// newAPIServer wires Kubernetes' generic control plane: resources of our own, RBAC, Secrets, Leases, admission by CEL, and
// none of the resources that need a node.
func newAPIServer(ctx context.Context, cfg Config) (*apiServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	opts, err := apiServerOptions(cfg, listener)
	if err != nil {
		return nil, err
	}
	completed, err := opts.Complete(ctx, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return nil, utilerrors.NewAggregate(errs)
	}
	config, err := generic.NewConfig(completed)
	if err != nil {
		return nil, err
	}
	ready, err := config.Complete()
	if err != nil {
		return nil, err
	}
	chain, err := generic.CreateServerChain(ready)
	if err != nil {
		return nil, err
	}
	return &apiServer{chain: chain, address: listener.Addr().String()}, nil
}

// uncached are the resources that the API server keeps no copy of in memory: a few controllers watch all of each, and
// nobody else does. A fleet's snapshots alone would take more there than all that agents watch, because objects of
// definitions lie in memory as maps of maps.
var uncached = []string{
	"etcdsnapshots.holdfast.dev#0", "machineinventories.holdfast.dev#0", "leases.coordination.k8s.io#0", "secrets#0",
	"serviceaccounts#0", "roles.rbac.authorization.k8s.io#0", "rolebindings.rbac.authorization.k8s.io#0",
}

// gates differ from Kubernetes' own choice for the sake of memory alone. Each agent has watches open, and served in the
// goroutine that has asked whether it may, each would keep that one's stack of a hundred frames. Nobody asks for a list as it
// was a moment ago, for which the API server would keep a copy of each index at each write; and it is not tried every few
// minutes, by reading everything anew, whether such lists are right.
var gates = []string{"APIServingWithRoutine=true", "ListFromCacheSnapshot=false", "DetectCacheInconsistency=false"}

// apiServerOptions says by kube-apiserver's own flags what is set, so that their documentation holds.
func apiServerOptions(cfg Config, listener net.Listener) (*options.Options, error) {
	opts := generic.NewOptions()
	addUntracked(opts)
	opts.SecureServing.Listener = listener
	opts.SecureServing.ServerCert.CertDirectory = filepath.Join(cfg.Dir, "apiserver")
	var sets cliflag.NamedFlagSets
	opts.AddFlags(&sets)
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	err := flags.Parse([]string{
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--advertise-address=127.0.0.1",
		"--etcd-servers=unix://" + datadir.Socket(cfg.Dir),
		"--authorization-mode=RBAC", "--anonymous-auth=false",
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + cfg.key(serviceAccountPub),
		"--service-account-signing-key-file=" + cfg.key(serviceAccountKey),
		"--service-account-extend-token-expiration=false",
		"--api-audiences=" + issuer,
		"--encryption-provider-config=" + cfg.key(encryptionConfig),
		"--audit-policy-file=" + cfg.key(auditPolicy), "--audit-log-path=" + cfg.auditLog(), "--audit-log-mode=batch",
		"--audit-log-maxsize=50", "--audit-log-maxbackup=5", "--audit-log-maxage=90",
		"--watch-cache-sizes=" + strings.Join(uncached, ","),
		"--feature-gates=" + strings.Join(gates, ","),
		// An open watch must not keep the process from ending.
		"--shutdown-watch-termination-grace-period=3s",
		"--v=0",
	})
	return opts, err
}
