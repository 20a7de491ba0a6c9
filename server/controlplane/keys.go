package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// Names of the files in the key directory.
const (
	serviceAccountKey = "service-account.key"
	serviceAccountPub = "service-account.pub"
	encryptionConfig  = "encryption.yaml"
	auditPolicy       = "audit-policy.yaml"
)

// makeKeys makes what is missing of the control plane's keys. They are never replaced: tokens and Secrets that were made
// with them would be lost.
func makeKeys(cfg Config) error {
	for _, dir := range []string{cfg.Dir, cfg.keyDir()} {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
	}
	if err := makeServiceAccountKey(cfg); err != nil {
		return err
	}
	if err := makeEncryption(cfg); err != nil {
		return err
	}
	return write(cfg.key(auditPolicy), []byte(auditRules))
}

func makeServiceAccountKey(cfg Config) error {
	have, err := exists(cfg.key(serviceAccountKey))
	if err != nil || have {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	// The private key is written last: while it is missing, both are made anew.
	if err := write(cfg.key(serviceAccountPub), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})); err != nil {
		return err
	}
	return write(cfg.key(serviceAccountKey), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
}

// makeEncryption has Secrets encrypted before etcd sees them.
func makeEncryption(cfg Config) error {
	have, err := exists(cfg.key(encryptionConfig))
	if err != nil || have {
		return err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	text := fmt.Sprintf(encryptionTemplate, base64.StdEncoding.EncodeToString(secret))
	return write(cfg.key(encryptionConfig), []byte(text))
}

const encryptionTemplate = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - secretbox:
          keys:
            - name: key1
              secret: %s
      - identity: {}
`

// auditRules: who changed what, without the content of Secrets and tokens, and without the heartbeats of a fleet.
const auditRules = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    resources:
      - group: coordination.k8s.io
        resources: [leases]
      - group: ""
        resources: [events]
  - level: None
    verbs: [get, list, watch]
  - level: None
    users: ["system:apiserver"]
  - level: Metadata
    resources:
      - group: ""
        resources: [secrets, configmaps, serviceaccounts/token]
      - group: authentication.k8s.io
        resources: [tokenreviews]
  - level: None
    resources:
      - group: holdfast.dev
        resources: ["*/status"]
  - level: Request
    resources:
      - group: holdfast.dev
  - level: Metadata
`

func write(path string, data []byte) error {
	if err := durable.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
