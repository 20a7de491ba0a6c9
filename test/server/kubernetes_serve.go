package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/test/server/pki"
)

// kubernetesPKI names the files that a kube-apiserver has.
type kubernetesPKI struct {
	// ca signs all below.
	ca string
	// serving is the server's own pair, admin a client's who may do everything.
	serving, admin pki.Files
	// tokens is the key that signs the tokens of ServiceAccounts.
	tokens pki.Files
}

func newKubernetesPKI(dir string) (kubernetesPKI, error) {
	authority, err := pki.New("kubernetes-test-ca")
	if err != nil {
		return kubernetesPKI{}, err
	}
	p := kubernetesPKI{}
	if p.ca, err = authority.WriteCert(filepath.Join(dir, "ca.crt")); err != nil {
		return p, err
	}
	for _, leaf := range []struct {
		name  string
		leaf  pki.Leaf
		files *pki.Files
	}{
		{"serving", pki.Leaf{CommonName: "kube-apiserver", Hosts: pki.Loopback()}, &p.serving},
		{"admin", pki.Leaf{CommonName: "admin", Organization: "system:masters"}, &p.admin},
		{"tokens", pki.Leaf{CommonName: "service-accounts"}, &p.tokens},
	} {
		if *leaf.files, err = authority.IssueFiles(dir, leaf.name, leaf.leaf); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (k *Kubernetes) args() []string {
	args := []string{
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", k.port.number), "--advertise-address=127.0.0.1",
		"--etcd-servers=" + strings.Join(k.Etcd.Endpoints(), ","),
		// Endpoints on loopback are refused, and nobody looks for them.
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=Node,RBAC",
		"--client-ca-file=" + k.pki.ca,
		"--tls-cert-file=" + k.pki.serving.Cert, "--tls-private-key-file=" + k.pki.serving.Key,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + k.pki.tokens.Cert, "--service-account-signing-key-file=" + k.pki.tokens.Key,
		// An open watch must not keep the process from ending.
		"--shutdown-watch-termination-grace-period=3s",
	}
	if t := k.Etcd.TLS(); t != nil {
		args = append(args, "--etcd-cafile="+t.CA, "--etcd-certfile="+t.Cert, "--etcd-keyfile="+t.Key)
	}
	return append(args, k.cfg.ExtraArgs...)
}

// ready asks the server how it is. Its own roles are made after the start, and are part of the answer.
func (k *Kubernetes) ready(ctx context.Context) error {
	pool, err := loadPool(k.CA)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.URL+"/readyz", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", resp.Status)
	}
	return nil
}

// kubeconfig is JSON, which is YAML too.
func kubeconfig(url, ca string, user map[string]string) []byte {
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{"server": url, "certificate-authority": ca}}},
		"users":    []any{map[string]any{"name": "test", "user": user}},
		"contexts": []any{map[string]any{"name": "test", "context": map[string]any{"cluster": "test", "user": "test"}}},
	})
	if err != nil {
		panic(err) // strings always marshal
	}
	return text
}
