// Package token reads and writes the tokens by which servers and agents join: K10<sha256 of the CA file>::<user>:<password>,
// or the password alone (surface 1, 3).
package token

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	prefix    = "K10"
	hashBytes = 64
)

// Token is what a token says.
type Token struct {
	// Hash of the CA; "": the token does not say.
	Hash string
	// User is "server" or "node"; "" in a short token.
	User     string
	Password string
}

// Parse reads a full or a short token.
func Parse(text string) (Token, error) {
	text = strings.TrimSpace(text)
	rest, full := strings.CutPrefix(text, prefix)
	if !full {
		if user, password, ok := strings.Cut(text, ":"); ok {
			return Token{User: user, Password: password}, nil
		}
		return Token{Password: text}, nil
	}
	hash, credentials, ok := strings.Cut(rest, "::")
	if !ok {
		return Token{}, errors.New("invalid token format")
	}
	if len(hash) != hashBytes {
		return Token{}, errors.New("invalid token CA hash length")
	}
	user, password, ok := strings.Cut(credentials, ":")
	if !ok {
		return Token{}, errors.New("invalid token format")
	}
	return Token{Hash: hash, User: user, Password: password}, nil
}

// Format is the full form.
func Format(ca []byte, user, password string) string {
	return fmt.Sprintf("%s%s::%s:%s", prefix, HashCA(ca), user, password)
}

// HashCA is the hash of a CA file as a token has it.
func HashCA(ca []byte) string {
	sum := sha256.Sum256(ca)
	return hex.EncodeToString(sum[:])
}

// Short is the hash of a password, as bootstrap keys and snapshot annotations have it.
func Short(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])[:12]
}

// Verify is nil when the CA is the one that the token names, or the token names none.
func (t Token) Verify(ca []byte) error {
	if t.Hash == "" || t.Hash == HashCA(ca) {
		return nil
	}
	return fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", t.Hash, HashCA(ca))
}
