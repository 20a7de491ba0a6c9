package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/test/distro/authority"
	"github.com/holdfast-dev/holdfast/test/distro/node"
	"github.com/holdfast-dev/holdfast/test/distro/record"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
	"github.com/holdfast-dev/holdfast/test/distro/supervisor"
	"github.com/holdfast-dev/holdfast/test/distro/token"
)

// supervisorPort is where servers and agents join.
func (s *Server) supervisorPort() int {
	if s.cfg.Flavor.StaticPods() {
		return s.cfg.Flavor.SupervisorPort
	}
	return s.cfg.Port
}

// serve opens the front. It answers from the first moment on, with what there is.
func (s *Server) serve(ctx context.Context) error {
	front := &supervisor.Server{
		Flavor: s.cfg.Flavor, Dir: s.cfg.serverDir(), Clients: s.await, Addresses: s.addresses, Critical: s.cfg.critical(),
		Admit: s.admit, Log: s.cfg.Log,
	}
	if !s.sqlite() && !s.cfg.DisableEtcd {
		s.snapshots, s.keeper = s.newSnapshots()
		front.Snapshots, front.Members = s.snapshots, s.members
	} else if s.cfg.DisableEtcd {
		front.Members = s.members
	}
	if !s.cfg.Flavor.StaticPods() && !s.cfg.DisableAPIServer {
		front.Proxy = &supervisor.Proxy{TLS: s.tls.Dir, Port: s.apiPort()}
	}
	if !s.cfg.DisableAPIServer {
		front.Encryption = s
	}
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", s.supervisorPort()))
	if err != nil {
		return err
	}
	web := &http.Server{Handler: front.Handler(), ErrorLog: stdlog.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { web.Close() })
	go func() {
		if err := web.Serve(tls.NewListener(listener, front.TLS())); !errors.Is(err, http.ErrServerClosed) {
			s.end(err)
		}
	}()
	return nil
}

func (s *Server) newSnapshots() (*snapshot.Manager, *record.Keeper) {
	keeper := &record.Keeper{Flavor: s.cfg.Flavor, NodeName: s.cfg.NodeName, Clients: s.await, Log: s.cfg.Log, Now: s.cfg.Now, Stamps: !s.cfg.DisableAgent}
	return &snapshot.Manager{
		Flavor: s.cfg.Flavor, Profile: s.cfg.Profile, NodeName: s.cfg.NodeName, Dir: s.cfg.in("db/snapshots"),
		Compress: s.cfg.Snapshot.Compress, Retention: s.cfg.Snapshot.Retention, TokenHash: token.Short(s.password),
		Stream: s.stream, Extra: s.extraMetadata, ClusterID: s.clusterID, Records: keeper, Log: s.cfg.Log, Now: s.cfg.Now,
	}, keeper
}

func (s *Server) stream(ctx context.Context) (io.ReadCloser, error) {
	r, err := s.etcd.SnapshotWithVersion(ctx)
	if err != nil {
		return nil, err
	}
	return r.Snapshot, nil
}

func (s *Server) extraMetadata(ctx context.Context) map[string]string {
	c, err := s.await(ctx)
	if err != nil {
		return nil
	}
	m, err := c.CoreV1().ConfigMaps("kube-system").Get(ctx, s.cfg.Flavor.Name+"-etcd-snapshot-extra-metadata", metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return m.Data
}

func (s *Server) clusterID(ctx context.Context) string {
	c, err := s.await(ctx)
	if err != nil {
		return ""
	}
	var ns *corev1.Namespace
	if ns, err = c.CoreV1().Namespaces().Get(ctx, "kube-system", metav1.GetOptions{}); err != nil {
		return ""
	}
	return string(ns.UID)
}

// members are etcd's, if it has a leader.
func (s *Server) members(ctx context.Context) (any, error) {
	if s.etcd == nil {
		return nil, errors.New("etcd is starting")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, err := s.etcd.MemberList(ctx)
	if err != nil {
		return nil, err
	}
	return list.Members, nil
}

// addresses of API servers are what control plane servers have written to etcd.
func (s *Server) addresses(ctx context.Context) ([]string, error) {
	if s.etcd == nil {
		return nil, errors.New("etcd is starting")
	}
	r, err := s.etcd.Get(ctx, s.cfg.apiAddressesKey())
	if err != nil || len(r.Kvs) == 0 || len(r.Kvs[0].Value) == 0 {
		return nil, err
	}
	return strings.Split(string(r.Kvs[0].Value), ","), nil
}

// announce adds this server's address to those of API servers.
func (s *Server) announce(ctx context.Context) error {
	own := fmt.Sprintf("%s:%d", s.cfg.NodeIP, 6443)
	if !s.cfg.Flavor.StaticPods() {
		own = fmt.Sprintf("%s:%d", s.cfg.NodeIP, s.cfg.Port)
	}
	for {
		r, err := s.etcd.Get(ctx, s.cfg.apiAddressesKey())
		if err != nil {
			return err
		}
		var all []string
		compare := clientv3.Compare(clientv3.CreateRevision(s.cfg.apiAddressesKey()), "=", 0)
		if len(r.Kvs) > 0 {
			all = strings.FieldsFunc(string(r.Kvs[0].Value), func(c rune) bool { return c == ',' })
			compare = clientv3.Compare(clientv3.ModRevision(s.cfg.apiAddressesKey()), "=", r.Kvs[0].ModRevision)
		}
		if slices.Contains(all, own) {
			return nil
		}
		put := clientv3.OpPut(s.cfg.apiAddressesKey(), strings.Join(append(all, own), ","))
		answer, err := s.etcd.Txn(ctx).If(compare).Then(put).Commit()
		if err != nil || answer.Succeeded {
			return err
		}
	}
}

// admit checks an agent's password and signs its certificate.
func (s *Server) admit(ctx context.Context, name, password string) (supervisor.Identity, error) {
	c, err := s.await(ctx)
	if err != nil {
		return supervisor.Identity{}, err
	}
	if err := node.CheckPassword(ctx, c, s.cfg.Flavor, name, password); err != nil {
		s.cfg.Log.Errorf("%v", err)
		return supervisor.Identity{}, err
	}
	cert, key, err := s.tls.Client.Issue(authority.Leaf{CommonName: "system:node:" + name, Organization: []string{"system:nodes"}})
	return supervisor.Identity{Cert: string(cert), Key: string(key)}, err
}
