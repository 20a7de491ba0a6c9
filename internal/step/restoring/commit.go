package restoring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// Epoch is which restore the data on this machine belongs to.
type Epoch struct {
	Epoch int64 `json:"epoch"`
	// Operation is the uid of the restore that set it.
	Operation string      `json:"operation,omitempty"`
	At        metav1.Time `json:"at"`
}

const epochFile = "epoch.json"

// ReadEpoch returns the machine's epoch; 0 when there was no restore.
func ReadEpoch(stateDir string) (Epoch, error) {
	var e Epoch
	data, err := os.ReadFile(filepath.Join(stateDir, epochFile))
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil {
		return e, fmt.Errorf("read the epoch: %w", err)
	}
	return e, nil
}

// WriteEpoch records an epoch.
func WriteEpoch(stateDir string, e Epoch) error {
	data, err := json.Marshal(e)
	if err == nil {
		err = durable.WriteFile(filepath.Join(stateDir, epochFile), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("record the epoch: %w", err)
	}
	return nil
}

// commit records the epoch.
type commit struct {
	base
	settings step.CommitSettings
}

// Do implements step.Step. A machine that was restored without the manager meanwhile may have a higher epoch, and keeps it:
// at this point nothing may go wrong any more.
func (s *commit) Do(context.Context, step.Report) (any, error) {
	have, err := ReadEpoch(s.StateDir)
	if err != nil {
		return nil, err
	}
	if have.Operation != s.uid {
		have = Epoch{Epoch: max(s.settings.Epoch, have.Epoch), Operation: s.uid, At: metav1.NewTime(s.Now())}
		if err := WriteEpoch(s.StateDir, have); err != nil {
			return nil, err
		}
	}
	var set undoSet
	if _, err := s.notes.read(noteAside, &set); err != nil {
		return nil, err
	}
	moved, copies := set.places(s.uid)
	evidence := step.CommitEvidence{Epoch: have.Epoch, Aside: append(moved, copies...), At: have.At}
	if len(evidence.Aside) > 0 {
		if err := (Kept{Operation: s.uid, Committed: have.At, Places: evidence.Aside}).write(s.StateDir); err != nil {
			return nil, err
		}
	}
	return evidence, os.RemoveAll(s.fetchedDir())
}

// Undo implements step.Step. After the commit point somebody may have written: going back would lose that.
func (s *commit) Undo(context.Context, step.Report) error {
	have, err := ReadEpoch(s.StateDir)
	if err != nil || have.Operation != s.uid {
		return err
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "undo the restore on", Subject: s.Name,
		Why:  fmt.Sprintf("epoch %d is committed: the cluster has been in use since", have.Epoch),
		Next: "restore the safety snapshot if the new state is not wanted",
	}
}
