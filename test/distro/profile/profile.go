// Package profile says in what a stand-in differs from the newest release: behaviour that changed between releases, and
// ways to fail. It is a file on the machine, which nothing but a test writes, so whoever drives a stand-in cannot know.
package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"sigs.k8s.io/yaml"
)

// Path is where the file lies.
const Path = "/etc/stand-in.yaml"

// Profile is the file. The zero value is the newest release that works.
type Profile struct {
	// Tools is where etcd-3.6, etcdutl-3.6, kube-apiserver-1.36, kubectl and the like are. Default /opt/tools.
	Tools string `json:"tools,omitempty"`
	// InfoMessage: a reset ends with an info line, as up to 1.34.1.
	InfoMessage bool `json:"infoMessage,omitempty"`
	// ZipRestores: the path of a .zip is not doubled, as before March 2026.
	ZipRestores bool `json:"zipRestores,omitempty"`
	// SavePrunesS3: save --s3 keeps five objects, as in 1.34.1 and 1.35.0.
	SavePrunesS3 bool `json:"savePrunesS3,omitempty"`
	// EndlessReset: a reset waits for its etcd for ever.
	EndlessReset bool `json:"endlessReset,omitempty"`
	// ResetShutdown: a reset ends with this shutdown request and exit code 0, without having done its work.
	ResetShutdown string `json:"resetShutdown,omitempty"`
	// WrongToken is which of the observed endings a reset with a wrong token has: "fatal" (default), "shutdown" (exit
	// code 0), "cancelled".
	WrongToken string `json:"wrongToken,omitempty"`
	// UploadFails: uploads are refused; save says one line and exits 0.
	UploadFails bool `json:"uploadFails,omitempty"`
	// StreamFails: the stream from etcd breaks; save says nothing and exits 0.
	StreamFails bool `json:"streamFails,omitempty"`
	// PromoteEvery is how often a leader looks for learners: 15s in the real ones, 2s here, since tests wait for it.
	PromoteEvery string `json:"promoteEvery,omitempty"`
}

// Load reads the file; without one the profile is the default.
func Load(path string) (Profile, error) {
	p := Profile{}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	if err := yaml.UnmarshalStrict(data, &p); err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	if p.Tools == "" {
		p.Tools = "/opt/tools"
	}
	return p, nil
}

// Promote is PromoteEvery as a duration.
func (p Profile) Promote() time.Duration {
	if d, err := time.ParseDuration(p.PromoteEvery); err == nil && d > 0 {
		return d
	}
	return 2 * time.Second
}
