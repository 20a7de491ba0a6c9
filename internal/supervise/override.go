package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/engine/durable"
)

// OverridePath is the file with the arguments that the program is started with in place of those of its command.
func (s *Supervisor) OverridePath() string {
	return filepath.Join(s.cfg.StateDir, "supervised-arguments.json")
}

// Command that the program is started with from now on.
func (s *Supervisor) Command() ([]string, error) {
	if len(s.cfg.Command) == 0 {
		return nil, ErrNoCommand
	}
	data, err := os.ReadFile(s.OverridePath())
	if errors.Is(err, fs.ErrNotExist) {
		return s.cfg.Command, nil
	}
	var args []string
	if err == nil {
		err = json.Unmarshal(data, &args)
	}
	if err != nil {
		return nil, fmt.Errorf("read the arguments of %s: %w", s.Name(), err)
	}
	return append([]string{s.cfg.Command[0]}, args...), nil
}

// Override has the program started with other arguments, from its next start on. It is durable. They may hold a secret.
func (s *Supervisor) Override(args []string) error {
	data, err := json.Marshal(args)
	if err != nil {
		return err
	}
	return durable.WriteFile(s.OverridePath(), data, 0o600)
}

// Retract has it started with its own arguments again.
func (s *Supervisor) Retract() error { return durable.Remove(s.OverridePath()) }
