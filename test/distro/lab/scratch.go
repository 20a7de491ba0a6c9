package lab

import (
	"os"
	"path/filepath"
)

// scratch makes a directory with a kubeconfig, for one command.
func scratch(kubeconfig string) (dir string, remove func(), err error) {
	if dir, err = os.MkdirTemp("", "stand-in-"); err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	if err := os.WriteFile(filepath.Join(dir, "kubeconfig"), []byte(kubeconfig), 0o600); err != nil {
		remove()
		return "", nil, err
	}
	return dir, remove, nil
}
