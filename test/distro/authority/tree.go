package authority

import (
	"errors"
	"os"
	"path/filepath"
)

// Tree is <data>/server/tls.
type Tree struct {
	// Dir is the directory; authorities are in it, etcd's in etcd/.
	Dir string
	// Hosts are the names and addresses of this server.
	Hosts []string
	// Distro begins the names of authorities.
	Distro string

	Server, Client, RequestHeader, EtcdServer, EtcdPeer *Authority
}

// Etcd is the directory of etcd's certificates.
func (t *Tree) Etcd() string { return filepath.Join(t.Dir, "etcd") }

// EnsureAuthorities reads the authorities, and makes those that are missing.
func (t *Tree) EnsureAuthorities() error {
	var errs []error
	ensure := func(into **Authority, dir, name, cn string) {
		var err error
		if *into, err = Ensure(dir, name, t.Distro+"-"+cn); err != nil {
			errs = append(errs, err)
		}
	}
	ensure(&t.Server, t.Dir, "server-ca", "server-ca")
	ensure(&t.Client, t.Dir, "client-ca", "client-ca")
	ensure(&t.RequestHeader, t.Dir, "request-header-ca", "request-header-ca")
	ensure(&t.EtcdServer, t.Etcd(), "server-ca", "etcd-server-ca")
	ensure(&t.EtcdPeer, t.Etcd(), "peer-ca", "etcd-peer-ca")
	errs = append(errs, EnsureServiceKey(filepath.Join(t.Dir, "service.key")))
	return errors.Join(errs...)
}

// IssueLeaves makes all certificates of this server anew.
func (t *Tree) IssueLeaves() error {
	hosts := append([]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", "127.0.0.1", "::1", "10.43.0.1"}, t.Hosts...)
	key, err := os.ReadFile(filepath.Join(t.Dir, "service.key"))
	if err != nil {
		return err
	}
	return errors.Join(
		write(filepath.Join(t.Dir, "service.current.key"), key, 0o600),
		t.Server.IssueFiles(t.Dir, "serving-kube-apiserver", Leaf{CommonName: "kube-apiserver", Hosts: hosts}),
		t.Server.IssueFiles(t.Dir, "serving-supervisor", Leaf{CommonName: t.Distro, Organization: []string{t.Distro}, Hosts: hosts}),
		t.Client.IssueFiles(t.Dir, "client-admin", Leaf{CommonName: "system:admin", Organization: []string{"system:masters"}}),
		t.Client.IssueFiles(t.Dir, "client-supervisor", Leaf{CommonName: "system:" + t.Distro + "-supervisor", Organization: []string{"system:masters"}}),
		t.Client.IssueFiles(t.Dir, "client-kube-apiserver", Leaf{CommonName: "system:apiserver", Organization: []string{"system:masters"}}),
		t.RequestHeader.IssueFiles(t.Dir, "client-auth-proxy", Leaf{CommonName: "system:auth-proxy"}),
		t.EtcdServer.IssueFiles(t.Etcd(), "server-client", Leaf{CommonName: "etcd-server", Hosts: hosts}),
		t.EtcdServer.IssueFiles(t.Etcd(), "client", Leaf{CommonName: "etcd-client"}),
		t.EtcdPeer.IssueFiles(t.Etcd(), "peer-server-client", Leaf{CommonName: "etcd-peer", Hosts: hosts}),
	)
}
