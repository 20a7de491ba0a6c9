package k3s

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

func TestARestoreIsJudgedByWhatTheSnapshotHolds(t *testing.T) {
	key := "/bootstrap/" + TokenDigest("secret")
	plain, _ := packed(t, [2]string{key, "salt:sealed"}, [2]string{"/registry/secrets/a/b", "k8s\x00"})
	encryptedRaw, encryptedZip := packed(t, [2]string{key, "salt:sealed"}, [2]string{"/registry/secrets/a/b", "k8s:enc:aescbc:v1:k:x"},
		[2]string{"/registry/configmaps/a/b", "x"})
	foreign, _ := packed(t, [2]string{"/registry/pods/a/b", "x"})
	given := filepath.Join(t.TempDir(), "given")
	if err := os.WriteFile(given, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		cfg  distro.RestoreConfig
		// token and encryption say what is wrong, or what is right after "ok: "; "-" is no such check.
		token, encryption string
	}{
		"it fits":                          {[]string{"--token=secret"}, distro.RestoreConfig{File: plain}, "ok: opens", "ok: no Secret"},
		"another token":                    {[]string{"--token=another"}, distro.RestoreConfig{File: plain}, "is another than the one", "ok: no Secret"},
		"another was given":                {[]string{"--token=secret"}, distro.RestoreConfig{File: plain, TokenFile: given}, "is another than the one", "ok: no Secret"},
		"encrypted, and so does the node":  {[]string{"--token=secret", "--secrets-encryption"}, distro.RestoreConfig{File: encryptedRaw}, "ok: opens", "ok: encrypts"},
		"encrypted, and the node does not": {[]string{"--token=secret"}, distro.RestoreConfig{File: encryptedZip}, "ok: opens", "warning: this server does not"},
		"nobody knows yet":                 {[]string{"--token=secret"}, distro.RestoreConfig{}, "ok: not known", "-"},
		"the manifest knows": {
			[]string{"--token=secret"}, distro.RestoreConfig{Manifest: &snapshot.Manifest{TokenDigest: TokenDigest("old")}}, "is another than the one", "-",
		},
		"no cluster's": {[]string{"--token=secret"}, distro.RestoreConfig{File: foreign}, "no bootstrap data", "-"},
	} {
		test.cfg.SpoolDir = t.TempDir()
		r := &reset{node: machine(t, K3s, server(test.args...), nil), cfg: test.cfg}
		got := map[string]string{"TokenMatches": "-", "SecretsEncryption": "-"}
		for _, c := range r.checks(t.Context()) {
			switch {
			case c.Err != nil && c.Warning:
				got[c.Name] = "warning: " + c.Err.Error()
			case c.Err != nil:
				got[c.Name] = c.Err.Error()
			default:
				got[c.Name] = "ok: " + c.Message
			}
		}
		for check, want := range map[string]string{"TokenMatches": test.token, "SecretsEncryption": test.encryption} {
			state, part, two := strings.Cut(want, ": ")
			if !two {
				state, part = "", want
			}
			if !strings.HasPrefix(got[check], state) || !strings.Contains(got[check], part) {
				t.Errorf("%s: %s: %s, want %s", name, check, got[check], want)
			}
		}
	}
}

func TestATokenThatTheServerWouldNotStartWithIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		args  []string
		files map[string]string
		kind  problem.Kind
	}{
		"the same":             {[]string{"--token=secret"}, nil, 0},
		"the same, in full":    {[]string{"--token=K10abc::server:secret"}, nil, 0},
		"none is configured":   {nil, nil, 0},
		"another":              {[]string{"--token=another"}, nil, problem.Refused},
		"a file beats a text":  {[]string{"--token=secret", "--token-file=/t"}, map[string]string{"/t": "another\n"}, problem.Refused},
		"the same, in a file":  {[]string{"--token-file=/t"}, map[string]string{"/t": "secret\n"}, 0},
		"the file has gone":    {[]string{"--token-file=/t"}, nil, problem.Failed},
		"it is in a drop-in":   {nil, map[string]string{k3sConfig + ".d/a.yaml": "token: another\n"}, problem.Refused},
		"its empty again then": {nil, map[string]string{k3sConfig: "token: another\n", k3sConfig + ".d/a.yaml": "token: \"\"\n"}, 0},
	} {
		err := machine(t, K3s, server(test.args...), test.files).keeps("secret")
		if diff := cmp.Diff(test.kind != 0, err != nil); diff != "" || err != nil && problem.KindOf(err) != test.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}
