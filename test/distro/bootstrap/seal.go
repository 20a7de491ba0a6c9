package bootstrap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// encrypt seals as the distributions do: <16 hex salt>:<base64 of nonce and AES-256-GCM>.
func encrypt(password string, plain []byte) (string, error) {
	random := make([]byte, 8)
	rand.Read(random)
	salt := hex.EncodeToString(random)
	gcm, err := sealer(password, salt)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, gcm.NonceSize())
	rand.Read(nonce)
	return salt + ":" + base64.StdEncoding.EncodeToString(gcm.Seal(nonce, nonce, plain, nil)), nil
}

func decrypt(password, sealed string) ([]byte, error) {
	salt, text, ok := strings.Cut(sealed, ":")
	if !ok {
		return nil, errors.New("bootstrap data is not of the form salt:text")
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	gcm, err := sealer(password, salt)
	if err != nil {
		return nil, err
	}
	if len(raw) < gcm.NonceSize() {
		return nil, errors.New("bootstrap data is too short")
	}
	return gcm.Open(nil, raw[:gcm.NonceSize()], raw[gcm.NonceSize():], nil)
}

func sealer(password, salt string) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sha1.New, password, []byte(salt), 4096, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
