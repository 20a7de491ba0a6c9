package httpd

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"text/template"

	"github.com/holdfast-dev/holdfast/deploy"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// installScript is the script that a join line runs. It names the address that it was fetched from, since that is
// known to work from the machine.
type installScript struct {
	template *template.Template
	pin      string
	unit     string
}

func newInstallScript(pin string) (*installScript, error) {
	unit, err := fs.ReadFile(deploy.Host, "systemd/holdfast-agent.service")
	if err != nil {
		return nil, err
	}
	t, err := template.New("install.sh").Option("missingkey=error").ParseFS(deploy.Host, "install/install.sh")
	if err != nil {
		return nil, fmt.Errorf("the install script: %w", err)
	}
	return &installScript{template: t, pin: pin, unit: string(unit)}, nil
}

// hostAndPort is what may stand in the script: nothing that a shell would see more in.
func hostAndPort(text string) bool {
	return regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`).MatchString(text)
}

func (s *installScript) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !hostAndPort(r.Host) {
		http.Error(w, "the name of the manager in the request is not one", http.StatusBadRequest)
		return
	}
	var text bytes.Buffer
	err := s.template.Execute(&text, map[string]string{
		"Server": "https://" + r.Host, "Pin": s.pin, "Unit": s.unit, "AgentPath": enroll.PathAgent,
	})
	if err != nil {
		http.Error(w, "the install script can't be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/x-shellscript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = text.WriteTo(w)
}
