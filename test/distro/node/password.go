package node

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/kube"
)

// passwordFile is where a machine keeps its own.
const passwordFile = "/etc/rancher/node/password"

// errPassword is what an agent reads in its log for ever.
var errPassword = errors.New("Node password rejected, duplicate hostname or contents of '" + passwordFile +
	"' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag")

// Password is the machine's, which is made once.
func Password() (string, error) {
	data, err := os.ReadFile(passwordFile)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	random := make([]byte, 16)
	rand.Read(random)
	password := hex.EncodeToString(random)
	if err := os.MkdirAll(filepath.Dir(passwordFile), 0o700); err != nil {
		return "", err
	}
	return password, os.WriteFile(passwordFile, []byte(password+"\n"), 0o600)
}

func secretName(f distro.Flavor, node string) string { return node + ".node-password." + f.Name }

// CheckPassword is nil when a node's password is the one of its Secret, which the first one makes.
func CheckPassword(ctx context.Context, c *kube.Clients, f distro.Flavor, node, password string) error {
	secrets := c.CoreV1().Secrets("kube-system")
	s, err := secrets.Get(ctx, secretName(f, node), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		immutable := true
		_, err = secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: secretName(f, node), Namespace: "kube-system"},
			Immutable:  &immutable, Data: map[string][]byte{"hash": []byte(hash(password))},
		}, metav1.CreateOptions{})
		return err
	} else if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(s.Data["hash"], []byte(hash(password))) != 1 {
		return errPassword
	}
	return nil
}

// ForgetPassword deletes the Secret, as the first start after a reset does for its own node.
func ForgetPassword(ctx context.Context, c *kube.Clients, f distro.Flavor, node string) error {
	err := c.CoreV1().Secrets("kube-system").Delete(ctx, secretName(f, node), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// hash is weaker than the real one's scrypt, which costs a core a tenth of a second.
func hash(password string) string {
	sum := sha256.Sum256([]byte(password))
	return "$1:" + hex.EncodeToString(sum[:])
}
