package k3s

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/nacl/secretbox"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

// object begins as what an API server stores does.
const object = "k8s\x00\n\x0c\n\x02v1\x12\x06Secret"

// sealer is a key, and how the API server seals with it.
type sealer struct {
	provider, name string
	key            []byte
}

func aesKey(name string, b byte) sealer {
	return sealer{providerAES, name, bytes.Repeat([]byte{b}, 32)}
}
func boxKey(name string, b byte) sealer {
	return sealer{providerBox, name, bytes.Repeat([]byte{b}, 32)}
}

func (s sealer) seal(t *testing.T, plain string) string {
	t.Helper()
	head := sealMark + s.provider + ":v1:" + s.name + ":"
	if s.provider == providerBox {
		nonce, key := [24]byte{7}, [32]byte(s.key)
		return head + string(secretbox.Seal(nonce[:], []byte(plain), &nonce, &key))
	}
	block, err := aes.NewCipher(s.key)
	if err != nil {
		t.Fatal(err)
	}
	n := aes.BlockSize - len(plain)%aes.BlockSize
	padded, iv := append([]byte(plain), bytes.Repeat([]byte{byte(n)}, n)...), bytes.Repeat([]byte{9}, aes.BlockSize)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
	return head + string(iv) + string(padded)
}

// settings are an EncryptionConfiguration with these keys, in this order.
func settings(keys ...sealer) string {
	var providers []string
	for _, k := range keys {
		providers = append(providers, fmt.Sprintf(`{%q:{"keys":[{"name":%q,"secret":%q}]}}`, k.provider, k.name, base64.StdEncoding.EncodeToString(k.key)))
	}
	return `{"kind":"EncryptionConfiguration","resources":[{"resources":["secrets"],"providers":[` + strings.Join(append(providers, `{"identity":{}}`), ",") + `]}]}`
}

// bootstrapOf is the entry of a database that holds the shared files of a cluster, sealed with its token.
func bootstrapOf(t *testing.T, password string, files map[string]string) [2]string {
	t.Helper()
	data := map[string]any{}
	for name, content := range files {
		data[name] = map[string]any{"Timestamp": "2026-11-23T12:00:00Z", "Content": []byte(content)}
	}
	plain, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	const salt = "00112233445566ff"
	key, err := pbkdf2.Key(sha1.New, password, []byte(salt), 4096, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, gcm.NonceSize())
	return [2]string{bootstrapPrefix + TokenDigest(password), salt + ":" + base64.StdEncoding.EncodeToString(gcm.Seal(nonce, nonce, plain, nil))}
}

func TestAKeyOpensWhatWasEncryptedWithItAndNothingElse(t *testing.T) {
	first, again, dated, box := aesKey("aescbckey", 1), aesKey("aescbckey", 2), aesKey("aescbckey-2026-11-23T12:00:00Z", 3), boxKey("secretboxkey", 4)
	all := []sealer{first, again, dated, box}
	for i, k := range all {
		ring, err := readKeyring([]byte(settings(k)))
		if err != nil {
			t.Fatal(err)
		}
		for j, other := range all {
			if got := ring.opens([]byte(other.seal(t, object))); got != (i == j) {
				t.Errorf("key %d opens what key %d has sealed: %v", i, j, got)
			}
		}
		for _, broken := range []string{"", string(ring[0].mark), string(ring[0].mark) + "short", k.seal(t, object)[:len(k.seal(t, object))-1], object} {
			if ring.opens([]byte(broken)) {
				t.Errorf("key %d opens %q", i, broken)
			}
		}
	}
	if _, err := readKeyring([]byte("no JSON")); err == nil {
		t.Error("something else is read as keys")
	}
}

// Each row is a snapshot and a server. The token is the right one.
func TestARestoreIsRefusedWhenNobodyCouldReadItsSecrets(t *testing.T) {
	old, now := aesKey("aescbckey", 1), aesKey("aescbckey", 2)
	const file = "/var/lib/rancher/k3s/server/cred/encryption-config.json"
	for name, test := range map[string]struct {
		brings string // the keys in the snapshot
		sealed []sealer
		disk   string // those on the machine
		args   []string
		want   string
	}{
		"its own keys":                    {settings(now), []sealer{now, now}, settings(old), nil, "ok: the keys in the snapshot open its Secrets (2)"},
		"two keys, in a rotation":         {settings(now, old), []sealer{now, old}, "", nil, "ok: the keys in the snapshot open its Secrets (2)"},
		"taken while keys were changed":   {settings(old), []sealer{now, old}, settings(now), nil, "1 of its 2 encrypted Secrets (default/a is one) are encrypted with a key that it does not hold"},
		"made when a server was told to":  {"", []sealer{now}, settings(now), nil, "ok: the keys of its Secrets are not in the snapshot: the machine's own open them (1) and stay"},
		"the same, on another machine":    {"", []sealer{now}, settings(old), nil, "1 of its 1 encrypted Secrets"},
		"the same, on a new machine":      {"", []sealer{now}, "", nil, "1 of its 1 encrypted Secrets"},
		"some by the machine's":           {"", []sealer{now, old}, settings(now), nil, "2 of its 2 encrypted Secrets"},
		"a server that does not encrypt":  {settings(now), []sealer{now}, "", []string{"--secrets-encryption=false"}, "warning: the snapshot is of a cluster that encrypts"},
		"keys that are given to the API":  {settings(old), []sealer{now}, "", []string{"--kube-apiserver-arg=encryption-provider-config=/k"}, "ok: the server encrypts"},
		"a provider that is nobody's":     {settings(old), []sealer{{"kms", "v2", nil}}, "", nil, "ok: the server encrypts"},
		"not encrypted, and it shall be":  {"", nil, "", nil, "ok: no Secret in the snapshot is encrypted; the server encrypts"},
		"encrypted before, and no longer": {settings(old), nil, "", []string{"--secrets-encryption=false"}, "ok: no Secret in the snapshot is encrypted"},
	} {
		files := map[string]string{"PasswdFile": "x"}
		if test.brings != "" {
			files[fileEncryption] = test.brings
		}
		puts := [][2]string{bootstrapOf(t, "secret", files), {"/registry/secrets/default/plain", object}}
		for i, k := range test.sealed {
			value := sealMark + k.provider + ":v2:x"
			if k.key != nil {
				value = k.seal(t, object)
			}
			puts = append(puts, [2]string{fmt.Sprintf("/registry/secrets/default/%c", 'a'+i), value})
		}
		raw, _ := packed(t, puts...)
		disk := map[string]string{}
		if test.disk != "" {
			disk[file] = test.disk
		}
		args := append([]string{"--token=secret", "--secrets-encryption"}, test.args...)
		r := &reset{node: machine(t, K3s, server(args...), disk), cfg: distro.RestoreConfig{File: raw, SpoolDir: t.TempDir()}}
		got := ""
		for _, c := range r.checks(t.Context()) {
			if c.Name != "SecretsEncryption" {
				continue
			}
			got = "ok: " + c.Message
			if c.Err != nil {
				got = c.Err.Error()
			}
			if c.Warning {
				got = "warning: " + got
			}
		}
		state, text, _ := strings.Cut(test.want, ": ")
		if text == "" {
			state, text = "restore", test.want
		}
		if !strings.HasPrefix(got, state) || !strings.Contains(got, text) {
			t.Errorf("%s: %s\nwant %s", name, got, test.want)
		}
	}
}

// A server that was told to encrypt when it had run for long keeps its key on its own disk. A restore must not throw it away.
func TestKeysThatAreOnTheMachineAloneAreKeptInARestore(t *testing.T) {
	key, other := aesKey("aescbckey", 1), aesKey("aescbckey", 2)
	for name, test := range map[string]struct {
		brings map[string]string
		disk   string
		kept   bool
	}{
		"the snapshot has none":              {map[string]string{"PasswdFile": "x"}, settings(key), true},
		"the snapshot has its own":           {map[string]string{fileEncryption: settings(key)}, settings(other), false},
		"the machine's are others":           {map[string]string{"PasswdFile": "x"}, settings(other), false},
		"the machine has none, or spoiled's": {map[string]string{"PasswdFile": "x"}, "{", false},
	} {
		raw, _ := packed(t, bootstrapOf(t, "secret", test.brings), [2]string{"/registry/secrets/a/b", key.seal(t, object)})
		aside := "/var/lib/rancher/k3s/server/cred.holdfast-u1"
		r := &reset{
			node: machine(t, K3s, server("--token=secret", "--secrets-encryption"), map[string]string{aside + "/encryption-config.json": test.disk}),
			cfg:  distro.RestoreConfig{File: raw, SpoolDir: t.TempDir(), Aside: func(path string) string { return path + ".holdfast-u1" }},
		}
		if err := r.keepKeys(t.Context()); err != nil {
			t.Fatal(name, err)
		}
		got, err := os.ReadFile(r.node.at(r.node.serverDir("cred", "encryption-config.json")))
		if (err == nil) != test.kept || test.kept && string(got) != test.disk {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// The program warns that it has no place for keys. That is a failure only when Secrets need them.
func TestKeysThatNoSecretNeedsMayBeThrownAway(t *testing.T) {
	key := aesKey("aescbckey", 1)
	boot := bootstrapOf(t, "secret", map[string]string{fileEncryption: settings(key)})
	well := systemd.Run{Known: true, Exit: 0, Result: "success"}
	for value, want := range map[string]bool{object: true, key.seal(t, object): false} {
		raw, _ := packed(t, boot, [2]string{"/registry/secrets/a/b", value})
		r := &reset{dir: t.TempDir(), node: machine(t, K3s, server("--token=secret"), nil), cfg: distro.RestoreConfig{File: raw, SpoolDir: t.TempDir()}}
		if err := os.WriteFile(filepath.Join(r.dir, "output"), []byte(saidKeys+saidDone), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := r.done(t.Context(), well); got != want {
			t.Errorf("it has worked: %v", got)
		}
		if err := r.failed(t.Context(), well); !want && problem.KindOf(err) != problem.Refused {
			t.Errorf("it says %v", err)
		}
	}
}
