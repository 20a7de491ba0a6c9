package server

import (
	"bytes"
	"os"

	"github.com/holdfast-dev/holdfast/test/distro/child"
)

// newRunner runs parts as the distribution does.
func (s *Server) newRunner() child.Runner {
	return child.Children{Log: &ear{s: s}}
}

// ear passes on what parts print, and listens for what the server must know.
type ear struct{ s *Server }

func (e *ear) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("permanently removed from the cluster")) {
		e.s.removed.Store(true)
	}
	return os.Stderr.Write(p)
}
