package lab_test

import (
	"os"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/labtest"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

func TestMachinesReachAnS3ServerOfTheHostThroughItsPrivateAuthorityOnly(t *testing.T) {
	l := labtest.New(t, lab.Config{}, 1)
	m := servertest.MinIO(t, server.S3Config{Host: l.HostAddress})
	ca, err := os.ReadFile(m.CAFile)
	do(t, err)
	n := l.Nodes[0]
	do(t, n.WriteFile("/etc/ssl/lab-s3.crt", ca, 0o644))
	run(t, n, "curl", "--silent", "--show-error", "--fail", "--cacert", "/etc/ssl/lab-s3.crt", m.Endpoint+"/minio/health/live")
	r, err := n.Exec(t.Context(), "curl", "--silent", "--show-error", m.Endpoint+"/minio/health/live")
	if err != nil || !strings.Contains(r.Stderr, "certificate") {
		t.Errorf("without the authority: %+v, %v", r, err)
	}
}
