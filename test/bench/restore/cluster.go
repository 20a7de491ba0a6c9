// Package restore measures what a restore of three K3s servers costs: by Holdfast, and by hand, on the same machines of a
// lab and from the same snapshot. The program must run inside a lab (see lab.Main).
//
// The servers are the stand-ins of test/distro, on a real etcd and a real kube-apiserver. Start reading at [Measure].
package restore

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/namespace"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	standin "github.com/holdfast-dev/holdfast/test/distro/lab"
	"github.com/holdfast-dev/holdfast/test/fleet"
	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/lab"
)

const (
	name    = "prod"
	servers = 3
	// server is where K3s has its data.
	serverDir = "/var/lib/rancher/k3s/server"
	// patience bounds a restore, however it is done, on a busy machine.
	patience = 10 * time.Minute
	// custom is where the data of the measurement stands: the API server knows of no such resource, and leaves it alone.
	custom = "/registry/bench.holdfast.dev"
)

// cluster is three servers of K3s under a manager.
type cluster struct {
	*fleet.Fleet
	distro *standin.Cluster
	dir    string
	// file of the snapshot on the first server, and its name in the catalogue.
	file, snapshot string
}

// start brings up servers that hold so much, a manager, and an agent on each; and takes a snapshot.
func start(ctx context.Context, size int64) (*cluster, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir}
	if err := c.build(ctx, size); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cluster) build(ctx context.Context, size int64) error {
	config, err := standin.MachineConfig()
	if err != nil {
		return err
	}
	l, err := lab.New(ctx, config)
	if err != nil {
		return err
	}
	c.Fleet = &fleet.Fleet{Lab: l}
	if _, err := l.Add(ctx, servers); err != nil {
		return err
	}
	if c.distro, err = standin.Install(ctx, standin.Config{Flavor: distro.K3s(), Servers: l.Nodes}); err != nil {
		return err
	}
	if err := c.fill(ctx, size); err != nil {
		return err
	}
	if c.Fleet, err = fleet.New(ctx, l, c.dir); err != nil {
		return err
	}
	if err := c.adopt(ctx); err != nil {
		return err
	}
	return c.save(ctx)
}

func (c *cluster) close() error {
	var err error
	if c.Fleet != nil {
		if _, statErr := os.Stat(c.ManagerLog()); statErr == nil {
			err = c.KillManager()
		}
		err = errors.Join(err, c.Lab.Close())
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

func (c *cluster) first() *lab.Node { return c.Lab.Nodes[0] }

// etcd connects to the first server's, as the distribution itself does.
func (c *cluster) etcd() (*clientv3.Client, error) {
	files := map[string][]byte{}
	for _, file := range []string{"server-ca.crt", "client.crt", "client.key"} {
		var err error
		if files[file], err = c.first().ReadFile(serverDir + "/tls/etcd/" + file); err != nil {
			return nil, err
		}
	}
	pair, err := tls.X509KeyPair(files["client.crt"], files["client.key"])
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(files["server-ca.crt"])
	return clientv3.New(clientv3.Config{
		Endpoints: []string{"https://" + net.JoinHostPort(c.first().Address, "2379")}, DialTimeout: 10 * time.Second,
		TLS: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS12},
	})
}

func (c *cluster) fill(ctx context.Context, size int64) error {
	if size == 0 {
		return nil
	}
	fmt.Fprintf(os.Stderr, "filling three servers with %d MiB …\n", size>>20)
	client, err := c.etcd()
	if err != nil {
		return err
	}
	defer client.Close()
	client.KV = namespace.NewKV(client.KV, custom)
	_, err = kubedata.FillAged(ctx, client, kubedata.Options{Seed: 1, Size: size})
	return err
}

// adopt imports the cluster and has each machine join.
func (c *cluster) adopt(ctx context.Context) error {
	kubeconfig, err := c.first().ReadFile(distro.K3s().Kubeconfig())
	if err != nil {
		return err
	}
	from := filepath.Join(c.dir, "kubeconfig")
	if err := os.WriteFile(from, bytes.ReplaceAll(kubeconfig, []byte("127.0.0.1"), []byte(c.first().Address)), 0o600); err != nil {
		return err
	}
	var view struct {
		Machines []struct{ Name, Command string }
	}
	if err := c.Read(ctx, &view, "cluster", "import", name, "--from", from); err != nil {
		return err
	}
	for i, m := range view.Machines {
		if _, err := c.Lab.Nodes[i].Run(ctx, "sh", "-c", m.Command); err != nil {
			return err
		}
	}
	return c.Ready(ctx, name, servers)
}

// save takes the snapshot that everybody restores.
func (c *cluster) save(ctx context.Context) error {
	if _, err := c.patient(ctx, "snapshot", "create", name); err != nil {
		return err
	}
	all, err := c.Snapshots(ctx, name)
	if err != nil {
		return err
	}
	for _, s := range all {
		if strings.HasPrefix(s.Spec.File, "on-demand-"+c.first().Name+"-") && s.Status.State != v1alpha1.StateFailed {
			c.file, c.snapshot = serverDir+"/db/snapshots/"+s.Spec.File, s.Name
			return nil
		}
	}
	return fmt.Errorf("no snapshot of %s among %d", c.first().Name, len(all))
}

// patient runs a command of holdfast that waits for an operation.
func (c *cluster) patient(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Run(ctx, args...)
}

// serves waits until every server answers, and all are members with a vote. The machines themselves look.
func (c *cluster) serves(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, n := range c.Lab.Nodes {
		if _, err := n.Run(ctx, "sh", "-c", "until [ \"$(k3s kubectl get --raw /readyz 2>/dev/null)\" = ok ]; do sleep 0.1; done"); err != nil {
			return err
		}
	}
	return lab.Until(ctx, "three members with a vote", func(ctx context.Context) error {
		members, err := c.distro.Members(ctx, c.first())
		if err == nil && (len(members) != servers || strings.Contains(strings.Join(members, " "), "learner")) {
			err = fmt.Errorf("members are %v", members)
		}
		return err
	})
}

// settled waits until Holdfast calls the cluster ready: a restore by hand is news to it.
func (c *cluster) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return errors.Join(c.serves(ctx), c.Ready(ctx, name, servers))
}

// tidy removes what a restore has left beside the data, so that each finds the same disk.
func (c *cluster) tidy(ctx context.Context) error {
	const left = "cd " + serverDir + " && rm -rf tls-* tls.holdfast-* cred.holdfast-* db/etcd-old-* db/etcd-backup-* db/etcd.* db/snapshots/safety-* && sync"
	for _, n := range c.Lab.Nodes {
		if _, err := n.Run(ctx, "sh", "-c", left); err != nil {
			return err
		}
	}
	return nil
}
