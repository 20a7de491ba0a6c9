package repo

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/escrow"
)

func TestWhatIsToldOfAnEscrowShowsNoSecret(t *testing.T) {
	told := tellEscrow(&escrow.Content{
		Token: "K10secret", Secrets: map[string]string{"etcd-s3-secret-key": "hidden"},
		Files: []escrow.File{{Path: "/a/server-ca.key", Mode: 0o600, Data: []byte("hidden")}},
	})
	var table strings.Builder
	told.Table(&table)
	if text := table.String(); strings.Contains(text, "hidden") || strings.Contains(text, "K10") {
		t.Error(text)
	} else if !strings.Contains(text, "etcd-s3-secret-key") || !strings.Contains(text, "0600         6  /a/server-ca.key") {
		t.Error(text)
	}
}
