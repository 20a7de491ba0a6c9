package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// KubernetesConfig describes a kube-apiserver. The zero value of everything but Dir makes one on an etcd of its own.
type KubernetesConfig struct {
	// Dir holds certificates, kubeconfig, logs and the etcd of its own. It must be this server's; it is made when missing.
	Dir string
	// Version is "1.37". Default 1.37.
	Version string
	// Etcd is the cluster that it keeps its objects in. Default: one of its own, with one member, over TLS, which ends
	// with it.
	Etcd *Etcd
	// ExtraArgs are added to the command line.
	ExtraArgs []string
}

// Kubernetes is a kube-apiserver with nothing behind it: no controllers, no scheduler, no nodes. So ServiceAccounts named
// default do not appear, a deleted namespace stays, and a pod is admitted and never runs. Its methods are not safe for
// concurrent use.
type Kubernetes struct {
	// URL is the server's address. It stays the same over restarts.
	URL string
	// Version may be changed while the server is stopped.
	Version string
	// Kubeconfig is the file of an administrator, CA that of the authority which signed the server's certificate.
	Kubeconfig, CA string
	// Etcd is what it keeps its objects in.
	Etcd *Etcd

	cfg     KubernetesConfig
	port    *port
	pki     kubernetesPKI
	process *Process
	ownEtcd bool
}

// StartKubernetes starts a kube-apiserver over TLS, with RBAC and with the admission plugins that are on by default, and
// returns when it is ready. Its default etcd is of version 3.6.
func StartKubernetes(ctx context.Context, cfg KubernetesConfig) (*Kubernetes, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var err error
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, err
	}
	k := &Kubernetes{cfg: cfg, Etcd: cfg.Etcd, Version: cmp.Or(cfg.Version, "1.37")}
	if k.Etcd == nil {
		if k.Etcd, err = StartEtcd(ctx, EtcdConfig{Dir: filepath.Join(cfg.Dir, "etcd"), TLS: true}); err != nil {
			return nil, err
		}
		k.ownEtcd = true
	}
	err = retryPorts(func() error {
		k.port.release()
		if err := k.prepare(); err != nil {
			return err
		}
		return k.Start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, k.Stop())
	}
	return k, nil
}

// prepare chooses the port, and writes the files that name it.
func (k *Kubernetes) prepare() error {
	var err error
	if k.port, err = reservePort(); err != nil {
		return err
	}
	k.URL = "https://" + k.port.address()
	if k.pki, err = newKubernetesPKI(filepath.Join(k.cfg.Dir, "pki")); err != nil {
		return fmt.Errorf("kube-apiserver's certificates: %w", err)
	}
	k.CA, k.Kubeconfig = k.pki.ca, filepath.Join(k.cfg.Dir, "admin.kubeconfig")
	text := kubeconfig(k.URL, k.CA, map[string]string{"client-certificate": k.pki.admin.Cert, "client-key": k.pki.admin.Key})
	return os.WriteFile(k.Kubeconfig, text, 0o600)
}

// Start starts a server that does not run, and returns when it is ready.
func (k *Kubernetes) Start(ctx context.Context) error {
	if k.Running() {
		return errors.New("kube-apiserver runs already")
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var err error
	k.process, err = start(command{
		tool: "kube-apiserver-" + k.Version, args: k.args(), log: filepath.Join(k.cfg.Dir, "kube-apiserver.log"),
	})
	if err != nil {
		return err
	}
	return k.process.answers(ctx, k.ready)
}

// Running reports whether the server's process is there.
func (k *Kubernetes) Running() bool { return k.process != nil && k.process.Running() }

// Process is the server's present or last process.
func (k *Kubernetes) Process() *Process { return k.process }

// Halt ends the server with SIGTERM and leaves its etcd alone. It can be started again. A stopped one is fine.
func (k *Kubernetes) Halt() error {
	if k.process == nil {
		return nil
	}
	return k.process.Stop()
}

// Stop ends the server for good, with the etcd that it has for itself. It is safe to call more than once.
func (k *Kubernetes) Stop() error {
	var errs []error
	if k.process != nil {
		errs = append(errs, k.process.Kill())
	}
	k.port.release()
	if k.ownEtcd {
		errs = append(errs, k.Etcd.Stop())
	}
	return errors.Join(errs...)
}

// Kubectl runs the stock kubectl as the administrator and returns what it printed, warnings included. HOME is dir.
func (k *Kubernetes) Kubectl(ctx context.Context, dir string, args ...string) (string, error) {
	return Run(ctx, dir, []string{"KUBECONFIG=" + k.Kubeconfig}, "kubectl", args...)
}
