package session

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// purpose is bound into each seal, so that nothing else that the key may seal one day is taken for a session.
const purpose = "holdfast session v1"

// content of a cookie.
type content struct {
	Token   string    `json:"t"`
	Expires time.Time `json:"e"`
}

// seal encrypts and authenticates cookies.
type seal struct{ aead cipher.AEAD }

func newSeal(key []byte) (*seal, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("the key of sessions has %d bytes: it must have 32", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	// With nonces of its own choice: a few sessions a day are far from the 2^32 at which random ones would get close.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &seal{aead}, err
}

func (s *seal) close(c content) (string, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(purpose))), nil
}

func (s *seal) open(text string) (c content, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return c, err
	}
	plain, err := s.aead.Open(nil, nil, sealed, []byte(purpose))
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(plain, &c)
}
