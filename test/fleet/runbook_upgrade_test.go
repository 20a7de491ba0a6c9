package fleet_test

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
)

// badUpgrade: a server was upgraded and configured anew, which is regretted.
func badUpgrade(t *testing.T, f distro.Flavor) {
	h := upgraded(t, f, 1)
	server := h.Lab.Nodes[0]
	release, _, _ := strings.Cut(h.before.version, "+")
	r := h.opens(t, "k3s-bad-upgrade.md", map[string]string{
		"SNAPSHOT": h.before.snapshot, "SERVER": server.Name, "KUBECTL": h.kubectl(), "VERSION": release,
	})
	r.follows(t, "1. Choose the snapshot", "2. See what would happen", "3. Go back", "4. Check")
	h.is(t, &h.before, h.before.version, &h.before)
	r.isDone(t)
}
