// Package apiserver runs a server's kube-apiserver: the stock program of the version's minor, on the server's own etcd and
// authorities.
package apiserver

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/test/distro/child"
)

// Config describes it.
type Config struct {
	// TLS is <data>/server/tls, Cred <data>/server/cred.
	TLS, Cred string
	// Tools holds kube-apiserver-MINOR; Minor is "1.37".
	Tools, Minor string
	// Bind and Port are where it listens, NodeIP is what it says of itself. That the port in the Service named kubernetes is
	// the supervisor's needs the distributions' own fork, and is not reproduced.
	Bind   string
	Port   int
	NodeIP string
	// Etcd is etcd's client URL.
	Etcd        string
	ServiceCIDR string
	// Encrypt turns on secrets-encryption.
	Encrypt bool
	// Args are kube-apiserver-arg settings: key=value.
	Args []string
}

// Program is the command line.
func (c Config) Program() child.Program {
	tls := func(name string) string { return filepath.Join(c.TLS, name) }
	issuer := "https://kubernetes.default.svc.cluster.local"
	args := []string{
		"--bind-address=" + c.Bind, fmt.Sprintf("--secure-port=%d", c.Port),
		"--advertise-address=" + c.NodeIP,
		"--etcd-servers=" + c.Etcd, "--etcd-cafile=" + tls("etcd/server-ca.crt"),
		"--etcd-certfile=" + tls("etcd/client.crt"), "--etcd-keyfile=" + tls("etcd/client.key"),
		"--client-ca-file=" + tls("client-ca.crt"),
		"--tls-cert-file=" + tls("serving-kube-apiserver.crt"), "--tls-private-key-file=" + tls("serving-kube-apiserver.key"),
		"--requestheader-client-ca-file=" + tls("request-header-ca.crt"), "--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + tls("client-auth-proxy.crt"), "--proxy-client-key-file=" + tls("client-auth-proxy.key"),
		"--service-account-issuer=" + issuer, "--api-audiences=" + issuer + ",k3s",
		"--service-account-key-file=" + tls("service.key"), "--service-account-signing-key-file=" + tls("service.current.key"),
		"--service-cluster-ip-range=" + c.ServiceCIDR,
		"--authorization-mode=Node,RBAC", "--anonymous-auth=false", "--enable-admission-plugins=NodeRestriction",
		"--profiling=false", "--shutdown-watch-termination-grace-period=1s",
	}
	if c.Encrypt {
		args = append(args, "--encryption-provider-config="+filepath.Join(c.Cred, "encryption-config.json"), "--encryption-provider-config-automatic-reload=true")
	}
	for _, arg := range c.Args {
		args = append(args, "--"+strings.TrimLeft(arg, "-"))
	}
	return child.Program{Name: "kube-apiserver", Path: filepath.Join(c.Tools, "kube-apiserver-"+c.Minor), Args: args}
}
