// Package encryption keeps the keys that a server's API server encrypts Secrets with, as secrets-encrypt changes them. What
// the distributions do is told by their documentation of that command and of --secrets-encryption; that a key which a
// server makes by itself is saved only when a cluster is founded follows from section 7 of their surface: nothing is written
// over bootstrap data that is there.
package encryption

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Stages of a rotation. Active is never written to disk.
const (
	Start    = "start"
	Prepare  = "prepare"
	Rotate   = "rotate"
	Active   = "reencrypt_active"
	Finished = "reencrypt_finished"
)

// Key is one key; the first one of a cluster is always called aescbckey.
type Key struct {
	Name   string `json:"name"`
	Secret []byte `json:"secret"`
}

// Settings are the keys, that which encrypts first, and whether one does.
type Settings struct {
	Keys    []Key
	Enabled bool
}

// Files are a server's, in its directory of credentials.
type Files struct{ Dir string }

func (f Files) config() string { return filepath.Join(f.Dir, "encryption-config.json") }
func (f Files) state() string  { return filepath.Join(f.Dir, "encryption-state.json") }

// Exist says whether there are settings.
func (f Files) Exist() bool {
	_, err := os.Stat(f.config())
	return err == nil
}

// Ensure makes a first key where there are no settings.
func (f Files) Ensure() error {
	if f.Exist() {
		return nil
	}
	s := Settings{Enabled: true}
	s.add("aescbckey")
	return errors.Join(f.Write(s), f.Enter(Start))
}

// AddKey adds a key that does not encrypt yet.
func (s *Settings) AddKey(now time.Time) { s.add("aescbckey-" + now.Format(time.RFC3339)) }

func (s *Settings) add(name string) {
	secret := make([]byte, 32)
	rand.Read(secret)
	s.Keys = append(s.Keys, Key{Name: name, Secret: secret})
}

// RotateRight makes the last key the first.
func (s *Settings) RotateRight() {
	if n := len(s.Keys); n > 1 {
		s.Keys = append([]Key{s.Keys[n-1]}, s.Keys[:n-1]...)
	}
}

// DropLast removes the key that nothing is encrypted with any more.
func (s *Settings) DropLast() {
	if n := len(s.Keys); n > 1 {
		s.Keys = s.Keys[:n-1]
	}
}

type configuration struct {
	Kind       string     `json:"kind"`
	APIVersion string     `json:"apiVersion"`
	Resources  []resource `json:"resources"`
}

type resource struct {
	Resources []string   `json:"resources"`
	Providers []provider `json:"providers"`
}

type provider struct {
	AESCBC   *keys     `json:"aescbc,omitempty"`
	Identity *struct{} `json:"identity,omitempty"`
}

type keys struct {
	Keys []Key `json:"keys"`
}

// Read returns the settings.
func (f Files) Read() (Settings, error) {
	data, err := os.ReadFile(f.config())
	if err != nil {
		return Settings{}, err
	}
	var c configuration
	if err := json.Unmarshal(data, &c); err != nil || len(c.Resources) == 0 || len(c.Resources[0].Providers) == 0 {
		return Settings{}, fmt.Errorf("%s: no settings: %w", f.config(), err)
	}
	s := Settings{Enabled: c.Resources[0].Providers[0].AESCBC != nil}
	for _, p := range c.Resources[0].Providers {
		if p.AESCBC != nil {
			s.Keys = append(s.Keys, p.AESCBC.Keys...)
		}
	}
	return s, nil
}

// Write writes the settings. The first provider encrypts: with identity there, nothing is encrypted.
func (f Files) Write(s Settings) error {
	providers := []provider{{Identity: &struct{}{}}}
	switch with := (provider{AESCBC: &keys{s.Keys}}); {
	case len(s.Keys) > 0 && s.Enabled:
		providers = []provider{with, providers[0]}
	case len(s.Keys) > 0:
		providers = append(providers, with)
	}
	data, err := json.Marshal(configuration{"EncryptionConfiguration", "apiserver.config.k8s.io/v1", []resource{{[]string{"secrets"}, providers}}})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return err
	}
	whole := f.config() + ".new"
	if err := os.WriteFile(whole, data, 0o600); err != nil {
		return err
	}
	return os.Rename(whole, f.config())
}

// Hash of the settings.
func (f Files) Hash() (string, error) {
	data, err := os.ReadFile(f.config())
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// Enter notes a stage, with the hash of the settings in it.
func (f Files) Enter(stage string) error {
	hash, err := f.Hash()
	if err != nil {
		return err
	}
	return os.WriteFile(f.state(), []byte(stage+"-"+hash), 0o600)
}

// State is what was noted: STAGE-HASH. Settings of old have none.
func (f Files) State() (string, error) {
	data, err := os.ReadFile(f.state())
	if errors.Is(err, fs.ErrNotExist) && f.Exist() {
		if err := f.Enter(Start); err != nil {
			return "", err
		}
		data, err = os.ReadFile(f.state())
	}
	return strings.TrimSpace(string(data)), err
}
