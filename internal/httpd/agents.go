package httpd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// agents serves the agents' program from a folder, and its SHA-256 under the same name with ".sha256".
type agents struct{ folder string }

// platform is what may stand in the path: it becomes a file's name.
func platform(text string) bool { return regexp.MustCompile(`^[a-z0-9]+-[a-z0-9]+$`).MatchString(text) }

func (a agents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wanted, sum := strings.CutSuffix(r.PathValue("file"), ".sha256")
	if !platform(wanted) {
		http.Error(w, "a path is as in /agent/linux-amd64", http.StatusNotFound)
		return
	}
	f, err := a.open(wanted)
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "this manager has no agent for "+wanted+": put holdfast-agent-"+wanted+" into its --agent-dir", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, "the agent can't be read", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil || !info.Mode().IsRegular():
		http.Error(w, "the agent can't be read", http.StatusInternalServerError)
	case sum:
		sendSum(w, f)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", info.ModTime(), f)
	}
}

// open finds the program for a platform. One without a platform in its name is for the manager's own.
func (a agents) open(wanted string) (*os.File, error) {
	f, err := os.Open(filepath.Join(a.folder, "holdfast-agent-"+wanted))
	if errors.Is(err, fs.ErrNotExist) && wanted == runtime.GOOS+"-"+runtime.GOARCH {
		f, err = os.Open(filepath.Join(a.folder, "holdfast-agent"))
	}
	return f, err
}

// sendSum hashes at each request: machines join rarely, and a program that was replaced never has an old sum.
func sendSum(w http.ResponseWriter, f io.Reader) {
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		http.Error(w, "the agent can't be read", http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "%s\n", hex.EncodeToString(sum.Sum(nil)))
}
