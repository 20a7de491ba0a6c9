package enroll

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// joinVersion begins every join token, so that another form can be told from a damaged one.
const joinVersion = "hf1"

// JoinToken lets one machine join one cluster, once. It prints without its secret: Text is what an operator pastes.
type JoinToken struct {
	// CAHash is the SHA-256 of the manager's CA certificate in DER, in hexadecimal.
	CAHash string
	// Namespace of the cluster.
	Namespace string
	// ID of the token: the Secret that the manager keeps of it is called "join-" and the ID.
	ID string

	secret string
}

// newJoinToken makes a token that nobody can guess: 160 random bits.
func newJoinToken(caHash, namespace string) (JoinToken, error) {
	id, err := randomText(5)
	if err != nil {
		return JoinToken{}, err
	}
	secret, err := randomText(20)
	return JoinToken{CAHash: caHash, Namespace: namespace, ID: id, secret: secret}, err
}

// randomText returns n random bytes in letters and digits that are good in object names.
func randomText(n int) (string, error) {
	raw := make([]byte, n)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)), nil
}

// ParseJoinToken reads what Text wrote. The error does not repeat the text, which may hold a secret.
func ParseJoinToken(text string) (JoinToken, error) {
	parts := strings.Split(strings.TrimSpace(text), ":")
	if len(parts) != 5 || parts[0] != joinVersion {
		return JoinToken{}, errors.New("this is no join token: it has five parts with colons between them, the first of them " + joinVersion)
	}
	t := JoinToken{CAHash: parts[1], Namespace: parts[2], ID: parts[3], secret: parts[4]}
	if hash, err := hex.DecodeString(t.CAHash); err != nil || len(hash) != sha256.Size {
		return JoinToken{}, errors.New("this join token is damaged: its second part is no SHA-256")
	}
	for _, part := range []string{t.Namespace, t.ID, t.secret} {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return JoinToken{}, errors.New("this join token is damaged: a part is empty or has characters that no token has")
		}
	}
	return t, nil
}

// Text of the token, with its secret.
func (t JoinToken) Text() string {
	return strings.Join([]string{joinVersion, t.CAHash, t.Namespace, t.ID, t.secret}, ":")
}

// String leaves the secret out.
func (t JoinToken) String() string {
	return strings.Join([]string{joinVersion, t.CAHash, t.Namespace, t.ID, "***"}, ":")
}

// Format leaves the secret out whatever the verb is: "%#v" and "%+v" would look into the fields.
func (t JoinToken) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(t.String())) }

// LogValue leaves the secret out.
func (t JoinToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

// hash of the secret, which is all that the manager keeps.
func (t JoinToken) hash() string {
	sum := sha256.Sum256([]byte(t.secret))
	return hex.EncodeToString(sum[:])
}
