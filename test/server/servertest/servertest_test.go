package servertest

import (
	"errors"
	"testing"

	"github.com/holdfast-dev/holdfast/test/server"
)

func TestAMissingToolIsBuiltExceptInCI(t *testing.T) {
	if _, err := tool(t.Context(), "etcd-1.0", true); !errors.Is(err, server.ErrNoTool) {
		t.Errorf("in CI: %v", err)
	}
	// There is no such program, so the build is what fails.
	if _, err := tool(t.Context(), "etcd-1.0", false); err == nil || errors.Is(err, server.ErrNoTool) {
		t.Errorf("elsewhere: %v", err)
	}
}
