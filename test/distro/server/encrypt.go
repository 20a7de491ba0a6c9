package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/holdfast-dev/holdfast/test/distro/bootstrap"
	"github.com/holdfast-dev/holdfast/test/distro/encryption"
	"github.com/holdfast-dev/holdfast/test/distro/kube"
	"github.com/holdfast-dev/holdfast/test/distro/supervisor"
)

func (s *Server) encrypts() bool { return s.cfg.SecretsEncryption || s.cfg.Flavor.StaticPods() }

func (s *Server) encryption() encryption.Files { return encryption.Files{Dir: s.cfg.in("cred")} }

// ensureEncryption makes a key on a server that is told to encrypt and has none. On one that founds a cluster it is saved with
// all else; on one that was told later it stays on the disk alone.
func (s *Server) ensureEncryption() error {
	if !s.encrypts() {
		return nil
	}
	return s.encryption().Ensure()
}

// forgetEncryption leaves out what a server has no place for that was not told to encrypt: it warns, and goes on.
func (s *Server) forgetEncryption(data bootstrap.Data) {
	if s.encrypts() {
		return
	}
	for _, name := range []string{"EncryptionConfig", "EncryptionHash"} {
		if _, there := data[name]; there {
			s.cfg.Log.Warnf("Unable to lookup path to reconcile %s", name)
			delete(data, name)
		}
	}
}

const controlPlane = "node-role.kubernetes.io/control-plane=true"

func (s *Server) encryptionAnnotation() string {
	return s.cfg.Flavor.Name + ".io/encryption-config-hash"
}

// annotate writes a stage on this server's Node.
func (s *Server) annotate(ctx context.Context, c *kube.Clients, state string) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		n, err := c.CoreV1().Nodes().Get(ctx, s.cfg.NodeName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if n.Annotations == nil {
			n.Annotations = map[string]string{}
		}
		n.Annotations[s.encryptionAnnotation()] = state
		_, err = c.CoreV1().Nodes().Update(ctx, n, metav1.UpdateOptions{})
		return err
	})
}

// announceEncryption writes on the Node what the disk says, as soon as there is a Node.
func (s *Server) announceEncryption(ctx context.Context, c *kube.Clients) {
	state, err := s.encryption().State()
	if err != nil {
		s.cfg.Log.Errorf("encryption: %v", err)
		return
	}
	s.poll(ctx, time.Second, func(ctx context.Context) error { return s.annotate(ctx, c, state) })
}

// enter notes a stage on disk and on the Node, and saves the settings for all servers.
func (s *Server) enter(ctx context.Context, c *kube.Clients, stage string) error {
	files := s.encryption()
	if err := files.Enter(stage); err != nil {
		return err
	}
	state, err := files.State()
	if err != nil {
		return err
	}
	return errors.Join(s.annotate(ctx, c, state), s.saveBootstrap(ctx))
}

func (s *Server) saveBootstrap(ctx context.Context) error {
	data, err := bootstrap.Read(s.cfg.serverDir())
	if err != nil {
		return err
	}
	return data.Save(ctx, s.etcd, s.password)
}

// agreed is the stage that all servers are in: those that differ were not restarted since the last one.
func (s *Server) agreed(ctx context.Context, c *kube.Clients) (string, error) {
	list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: controlPlane})
	if err != nil {
		return "", err
	}
	var first corev1.Node
	own := ""
	for _, n := range list.Items {
		state, there := n.Annotations[s.encryptionAnnotation()]
		if n.Name == s.cfg.NodeName {
			own = state
		}
		switch {
		case !there:
		case first.Name == "":
			first = n
		case state != first.Annotations[s.encryptionAnnotation()]:
			return "", fmt.Errorf("hash does not match between %s and %s", first.Name, n.Name)
		}
	}
	stage, hash, _ := strings.Cut(own, "-")
	if own == "" {
		return "", fmt.Errorf("missing annotation on node %s", s.cfg.NodeName)
	}
	if now, err := s.encryption().Hash(); err != nil || now != hash {
		return stage, errors.Join(err, fmt.Errorf("invalid hash: %s found on node %s", hash, s.cfg.NodeName))
	}
	return stage, nil
}

// require a stage, unless it was told to go on anyhow.
func (s *Server) require(ctx context.Context, c *kube.Clients, force bool, stages ...string) error {
	stage, err := s.agreed(ctx, c)
	if err == nil && !strings.Contains(strings.Join(stages, "-"), stage) {
		err = fmt.Errorf("incorrect stage: %s found on node %s", stage, s.cfg.NodeName)
	}
	if force {
		return nil
	}
	return err
}

// EncryptionStatus implements supervisor.Encryption.
func (s *Server) EncryptionStatus(ctx context.Context) (supervisor.EncryptionState, error) {
	var state supervisor.EncryptionState
	c, err := s.await(ctx)
	if err != nil || !s.encryption().Exist() {
		return state, err
	}
	settings, err := s.encryption().Read()
	if err != nil {
		return state, err
	}
	state.Enable = &settings.Enabled
	for i, k := range settings.Keys {
		if i == 0 && settings.Enabled {
			state.ActiveKey = "AES-CBC " + k.Name
		} else {
			state.InactiveKeys = append(state.InactiveKeys, "AES-CBC "+k.Name)
		}
	}
	state.Stage, err = s.agreed(ctx, c)
	state.HashMatch = err == nil
	if err != nil {
		state.HashError = err.Error()
	}
	return state, nil
}

// ChangeEncryption implements supervisor.Encryption.
func (s *Server) ChangeEncryption(ctx context.Context, r supervisor.EncryptionRequest) error {
	c, err := s.await(ctx)
	if err != nil {
		return err
	}
	if r.Enable != nil {
		return s.enableEncryption(ctx, c, *r.Enable)
	}
	switch *r.Stage {
	case encryption.Prepare:
		return s.changeKeys(ctx, c, r.Force, encryption.Prepare, func(k *encryption.Settings) { k.AddKey(s.cfg.Now()) }, encryption.Start, encryption.Finished)
	case encryption.Rotate:
		return s.changeKeys(ctx, c, r.Force, encryption.Rotate, (*encryption.Settings).RotateRight, encryption.Prepare)
	case encryption.Active:
		if err := s.require(ctx, c, r.Force, encryption.Rotate); err != nil {
			return err
		}
		return s.reencrypt(ctx, c, r.Skip)
	case "rotate_keys":
		return s.rotateKeys(ctx, c)
	}
	return fmt.Errorf("unknown stage %s requested", *r.Stage)
}

// enableEncryption puts identity before the keys or behind them. Where there are no settings it makes such that encrypt
// nothing yet: the server has to be told to encrypt, and started again.
func (s *Server) enableEncryption(ctx context.Context, c *kube.Clients, enable bool) error {
	files := s.encryption()
	if !files.Exist() && enable {
		s.cfg.Log.Info("Enabling secrets encryption with identity provider, restart with secrets-encryption")
		return errors.Join(files.Write(encryption.Settings{}), s.saveBootstrap(ctx))
	}
	k, err := files.Read()
	if err != nil || k.Enabled == enable {
		return err
	}
	k.Enabled = enable
	if err := errors.Join(files.Write(k), s.saveBootstrap(ctx)); err != nil {
		return err
	}
	return s.reencrypt(ctx, c, true)
}

func (s *Server) changeKeys(ctx context.Context, c *kube.Clients, force bool, to string, change func(*encryption.Settings), from ...string) error {
	if err := s.require(ctx, c, force, from...); err != nil {
		return err
	}
	k, err := s.encryption().Read()
	if err != nil {
		return err
	}
	change(&k)
	k.Enabled = true
	if err := s.encryption().Write(k); err != nil {
		return err
	}
	return s.enter(ctx, c, to)
}

// rotateKeys does all at once, without a restart of this server. Its new key is saved last: a snapshot that is taken
// meanwhile holds Secrets that it has no key for.
func (s *Server) rotateKeys(ctx context.Context, c *kube.Clients) error {
	if err := s.require(ctx, c, false, encryption.Start, encryption.Finished); err != nil {
		return err
	}
	before, err := reloads(ctx, c)
	if err != nil {
		return err
	}
	state, err := s.encryption().Hash()
	if err == nil {
		err = s.annotate(ctx, c, encryption.Active+"-"+state)
	}
	if err != nil {
		return err
	}
	k, err := s.encryption().Read()
	if err != nil {
		return err
	}
	k.AddKey(s.cfg.Now())
	k.RotateRight()
	k.Enabled = true
	if err := s.encryption().Write(k); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	err = s.poll(ctx, time.Second, func(ctx context.Context) error {
		now, err := reloads(ctx, c)
		if err == nil && now == before {
			err = errors.New("not yet")
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.reencrypt(ctx, c, false)
}

// reloads are how often the API server has read its settings anew: it looks once a minute.
func reloads(ctx context.Context, c *kube.Clients) (string, error) {
	body, err := c.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "apiserver_encryption_config_controller_automatic_reloads_total") && strings.Contains(line, `status="success"`) {
			return line, err
		}
	}
	return "", err
}

// reencrypt writes each Secret anew, and unless it shall not removes the key that then nobody needs.
func (s *Server) reencrypt(ctx context.Context, c *kube.Clients, keepKey bool) error {
	list, err := c.CoreV1().Secrets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		secret := &list.Items[i]
		if _, err := c.CoreV1().Secrets(secret.Namespace).Update(ctx, secret, metav1.UpdateOptions{}); err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("failed to update secret: %w", err)
		}
	}
	if keepKey {
		return nil
	}
	k, err := s.encryption().Read()
	if err != nil {
		return err
	}
	k.DropLast()
	if err := s.encryption().Write(k); err != nil {
		return err
	}
	return s.enter(ctx, c, encryption.Finished)
}
