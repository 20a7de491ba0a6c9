package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/secretfile"
)

// orders are what the agent goes by.
type orders struct {
	// Known: there are any.
	Known      bool
	Generation int64
	Spec       v1alpha1.MachineSpec
	Keys       place.Keys
}

// standing holds the orders in force, on disk too: a machine that boots while the manager is away has a schedule.
type standing struct {
	file    string
	mu      sync.Mutex
	orders  orders
	changed chan struct{} // closed at the next change
}

// kept is the file's form. It holds the keys, and is readable by nobody else.
type kept struct {
	Generation   int64                `json:"generation"`
	Spec         v1alpha1.MachineSpec `json:"spec"`
	AccessKey    string               `json:"accessKey,omitempty"`
	SecretKey    string               `json:"secretKey,omitempty"`
	SessionToken string               `json:"sessionToken,omitempty"`
}

func newStanding(stateDir string) (*standing, error) {
	s := &standing{file: filepath.Join(stateDir, "machine.json"), changed: make(chan struct{})}
	data, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	if err != nil {
		return nil, fmt.Errorf("read what the manager said last: %w", err)
	}
	s.orders = orders{Known: true, Generation: k.Generation, Spec: k.Spec, Keys: keys(k.AccessKey, k.SecretKey, k.SessionToken)}
	return s, nil
}

func keys(access, secret, session string) place.Keys {
	k := place.Keys{AccessKey: access}
	if secret != "" {
		k.SecretKey = s3.NewSecret(secret)
	}
	if session != "" {
		k.SessionToken = s3.NewSecret(session)
	}
	return k
}

// get returns the orders in force, and a channel that is closed when they change.
func (s *standing) get() (orders, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders, s.changed
}

// set puts new orders in force. They are durable when it returns; without that they hold in memory all the same.
func (s *standing) set(o orders) error {
	o.Known = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders = o
	close(s.changed)
	s.changed = make(chan struct{})
	data, err := json.MarshalIndent(kept{
		Generation: o.Generation, Spec: o.Spec, AccessKey: o.Keys.AccessKey, SecretKey: o.Keys.SecretKey.Reveal(), SessionToken: o.Keys.SessionToken.Reveal(),
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(s.file, data, 0o600); err != nil {
		return fmt.Errorf("keep what the manager says: %w", err)
	}
	return nil
}

// redact takes the secrets that this machine knows out of a text.
func (s *standing) redact(text string) string {
	o, _ := s.get()
	return conceal(text, o.Keys.SecretKey.Reveal(), o.Keys.SessionToken.Reveal(), o.Keys.AccessKey)
}

// conceal takes secrets out of a text. Shorter ones would be everywhere.
func conceal(text string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) > 3 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// localOrders are those of the config file.
func localOrders(l *Local) (orders, error) {
	o := orders{Known: true, Generation: 1, Spec: l.MachineSpec}
	if l.CredentialsFile == "" {
		return o, nil
	}
	data, err := secretfile.Read("the S3 credentials", l.CredentialsFile, "local.credentialsFile")
	if err != nil {
		return o, err
	}
	values := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	o.Keys = keys(values["accessKey"], values["secretKey"], values["sessionToken"])
	return o, nil
}
