package k3s

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
)

// fileEncryption is how the distributions call the keys of Secrets among the files that all servers of a cluster share.
const fileEncryption = "EncryptionConfig"

var errSealed = errors.New("it is not sealed as K3s and RKE2 do")

// bootstrapFiles opens the files that the servers of a cluster share, as they stand in a database. A reset writes those that
// are there over what the server has, and leaves the others as they are.
func bootstrapFiles(ctx context.Context, db *mvcc.File, token string) (map[string][]byte, error) {
	r, found, err := db.Get(ctx, []byte(bootstrapPrefix+TokenDigest(token)))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNoBootstrap
	}
	plain, err := unseal(Password(token), string(r.Value))
	if err != nil {
		return nil, fmt.Errorf("open the bootstrap data: %w", err)
	}
	var files map[string]struct{ Content []byte }
	if err := json.Unmarshal(plain, &files); err != nil {
		return nil, fmt.Errorf("read the bootstrap data: %w", err)
	}
	contents := map[string][]byte{}
	for name, file := range files {
		contents[name] = file.Content
	}
	return contents, nil
}

// unseal opens <salt>:<base64 of nonce and AES-256-GCM>.
func unseal(password, sealed string) ([]byte, error) {
	salt, text, ok := strings.Cut(sealed, ":")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !ok {
		return nil, errSealed
	}
	key, err := pbkdf2.Key(sha1.New, password, []byte(salt), 4096, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(raw) < gcm.NonceSize() {
		return nil, errSealed
	}
	return gcm.Open(nil, raw[:gcm.NonceSize()], raw[gcm.NonceSize():], nil)
}
