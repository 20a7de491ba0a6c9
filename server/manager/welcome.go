package manager

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
)

// Welcome tells a person how to reach the manager. The administrator's token is told only when this start made it and
// the text goes to a terminal: a log keeps what it gets.
func (m *Manager) Welcome(w io.Writer, terminal bool) {
	fmt.Fprintf(w, "Holdfast manager\n  address         https://%s\n", m.front.info.Addresses[0])
	if block, _ := pem.Decode(m.front.ca.CA()); block != nil {
		fmt.Fprintf(w, "  CA fingerprint  sha256:%x\n", sha256.Sum256(block.Bytes))
	}
	if m.plane.embedded == nil {
		fmt.Fprintf(w, "  API             %s\n", m.plane.api.Host)
		return
	}
	fmt.Fprintf(w, "  kubeconfig      %s\n", m.cfg.kubeconfig())
	switch {
	case m.admin.fresh && terminal:
		fmt.Fprintf(w, "  admin token     %s\n                  (it is shown this once, and stands in the kubeconfig)\n", m.admin.token)
	case m.admin.fresh:
		fmt.Fprintf(w, "  admin token     in the kubeconfig\n")
	}
}
