package s3_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
)

const hush = "hush-do-not-tell"

func TestASecretIsNeverPrinted(t *testing.T) {
	type holder struct {
		Public s3.Secret
		hidden s3.Secret
		config s3.Config
		keys   *s3.Keys
	}
	secret := s3.NewSecret(hush)
	cfg := s3.Config{AccessKey: "id", SecretKey: secret, SessionToken: secret}
	keys := s3.Keys{AccessKey: "id", SecretKey: secret, SessionToken: secret}
	for _, value := range []any{secret, &secret, cfg, keys, holder{secret, secret, cfg, &keys}, []s3.Secret{secret}, map[string]s3.Secret{"k": secret}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			checkHidden(t, fmt.Sprintf("%s of %T", verb, value), fmt.Sprintf(verb, value))
		}
		data, err := json.Marshal(value)
		if err != nil {
			t.Errorf("JSON of %T: %v", value, err)
		}
		checkHidden(t, fmt.Sprintf("JSON of %T", value), string(data))
		var text, structured bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", value)
		slog.New(slog.NewJSONHandler(&structured, nil)).Info("m", "v", value)
		checkHidden(t, fmt.Sprintf("logs of %T", value), text.String()+structured.String())
	}
	if got := fmt.Sprint(secret); got != "***" {
		t.Errorf("it prints %q, want ***", got)
	}
	if got := fmt.Sprint(s3.Secret{}); got != "" {
		t.Errorf("no secret prints %q, want nothing", got)
	}
	if secret.Reveal() != hush || !secret.Equal(s3.NewSecret(hush)) || secret.Equal(s3.NewSecret("other")) {
		t.Error("the secret is not what it was made of")
	}
}

func checkHidden(t *testing.T, what, got string) {
	t.Helper()
	if strings.Contains(got, hush) || strings.Contains(got, fmt.Sprintf("%x", hush)) {
		t.Errorf("%s shows the secret: %s", what, got)
	}
}
