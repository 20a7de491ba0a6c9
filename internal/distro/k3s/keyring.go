package k3s

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/nacl/secretbox"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
)

// keyring are keys that Secrets are encrypted with.
type keyring []sealingKey

// sealingKey is one of them. All first keys of all clusters have one name, so only opening tells them apart.
type sealingKey struct {
	// mark begins what is encrypted with it: k8s:enc:aescbc:v1:NAME:
	mark []byte
	open func(sealed []byte) (plain []byte)
}

// Providers of keys that the distributions use.
const (
	providerAES = "aescbc"
	providerBox = "secretbox"
)

// readKeyring reads the keys in an EncryptionConfiguration.
func readKeyring(data []byte) (keyring, error) {
	var config struct {
		Resources []struct {
			Providers []map[string]struct {
				Keys []struct {
					Name   string `json:"name"`
					Secret []byte `json:"secret"`
				} `json:"keys"`
			} `json:"providers"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("read the keys of Secrets: %w", err)
	}
	openers := map[string]func(key []byte) func([]byte) []byte{providerAES: openAES, providerBox: openBox}
	var ring keyring
	for _, r := range config.Resources {
		for _, provider := range r.Providers {
			for name, p := range provider {
				for _, k := range p.Keys {
					if opener := openers[name]; opener != nil {
						ring = append(ring, sealingKey{mark: []byte(sealMark + name + ":v1:" + k.Name + ":"), open: opener(k.Secret)})
					}
				}
			}
		}
	}
	return ring, nil
}

// opens says whether one of the keys opens what an API server has encrypted.
func (k keyring) opens(value []byte) bool {
	return slices.ContainsFunc(k, func(key sealingKey) bool {
		sealed, marked := bytes.CutPrefix(value, key.mark)
		return marked && isObject(key.open(sealed))
	})
}

// isObject tells an object as an API server stores it from what a wrong key makes of one.
func isObject(plain []byte) bool {
	return bytes.HasPrefix(plain, []byte("k8s\x00")) || bytes.HasPrefix(plain, []byte("{")) && json.Valid(plain)
}

// openAES opens AES-CBC with PKCS #7 padding, behind its first vector.
func openAES(key []byte) func([]byte) []byte {
	block, err := aes.NewCipher(key)
	return func(sealed []byte) []byte {
		if err != nil || len(sealed) < 2*aes.BlockSize || len(sealed)%aes.BlockSize != 0 {
			return nil
		}
		plain := make([]byte, len(sealed)-aes.BlockSize)
		cipher.NewCBCDecrypter(block, sealed[:aes.BlockSize]).CryptBlocks(plain, sealed[aes.BlockSize:])
		padding := int(plain[len(plain)-1])
		if padding == 0 || padding > aes.BlockSize {
			return nil
		}
		return plain[:len(plain)-padding]
	}
}

// openBox opens XSalsa20 and Poly1305, behind the nonce.
func openBox(key []byte) func([]byte) []byte {
	return func(sealed []byte) []byte {
		var nonce [24]byte
		var full [32]byte
		if len(key) != len(full) || len(sealed) < len(nonce) {
			return nil
		}
		copy(full[:], key)
		copy(nonce[:], sealed)
		plain, _ := secretbox.Open(nil, sealed[len(nonce):], &nonce, &full)
		return plain
	}
}

const secretsPrefix = "/registry/secrets/"

// sealMark begins what an API server has encrypted.
const sealMark = "k8s:enc:"

// secrets is what is known of the Secrets in a snapshot.
type secrets struct {
	// sealed is how many are encrypted, and foreign how many of them in a way that the distributions do not.
	sealed, foreign int
	// lost is how many no key opens that comes with the snapshot, and first one of them; kept is how many of those the
	// machine's own keys open.
	lost, kept int
	first      string
}

// survey opens each Secret of a database, with the keys that come with it or else with those of the machine.
func survey(ctx context.Context, db *mvcc.File, with, machine keyring) (secrets, error) {
	var s secrets
	err := db.Live(ctx, []byte(secretsPrefix), func(r mvcc.Record) error {
		kind, encrypted := strings.CutPrefix(string(r.Value[:min(len(r.Value), 64)]), sealMark)
		if !encrypted {
			return nil
		}
		s.sealed++
		provider, _, _ := strings.Cut(kind, ":")
		switch {
		case provider != providerAES && provider != providerBox:
			s.foreign++
		case with.opens(r.Value):
		default:
			s.lost, s.first = s.lost+1, strings.TrimPrefix(string(r.Key), secretsPrefix)
			if machine.opens(r.Value) {
				s.kept++
			}
		}
		return nil
	})
	return s, err
}
