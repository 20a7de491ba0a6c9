package restoring

import (
	"context"
	"errors"

	"github.com/holdfast-dev/holdfast/internal/step"
)

// Offer is the note of a snapshot that other machines may fetch: the agent's peer server goes by it, also after a restart.
type Offer struct {
	Path     string   `json:"path"`
	Machines []string `json:"machines"`
	SHA256   string   `json:"sha256"`
	Size     int64    `json:"size"`
	// Manifest as it was stored; nil if the snapshot has none.
	Manifest []byte `json:"manifest,omitempty"`
}

// ReadOffer returns what an operation offers, by the directory of its notes.
func ReadOffer(dir string) (*Offer, error) {
	var o Offer
	noted, err := notes{dir}.read(noteServe, &o)
	if err != nil || !noted {
		return nil, err
	}
	return &o, nil
}

// serve offers a copy on this machine to others.
type serve struct {
	base
	settings step.ServeSettings
}

// Check implements step.Step.
func (s *serve) Check(context.Context) error {
	switch {
	case !s.isLocal(s.settings.Copy):
		return errors.New("serve a snapshot: it does not lie on this machine")
	case s.Peers == nil:
		return errors.New("serve a snapshot: this machine has no identity")
	case len(s.settings.Machines) == 0:
		return errors.New("serve a snapshot: nobody may fetch it")
	}
	return nil
}

// Do implements step.Step.
func (s *serve) Do(ctx context.Context, report step.Report) (any, error) {
	got, err := s.findLocal(ctx, s.settings.Copy.Location)
	if err != nil {
		return nil, err
	}
	report("hashing it", "")
	sum, size, err := hashFile(ctx, got.Path)
	if err != nil {
		return nil, err
	}
	offer := Offer{Path: got.Path, Machines: s.settings.Machines, SHA256: sum, Size: size}
	if got.Manifest != nil {
		if offer.Manifest, err = got.Manifest.Encode(); err != nil {
			return nil, err
		}
	}
	urls, err := s.Peers.URLs(s.uid)
	if err != nil {
		return nil, err
	}
	return step.ServeEvidence{URLs: urls, SHA256: sum, Size: size}, s.notes.write(noteServe, offer)
}

// Undo takes the offer back.
func (s *serve) Undo(context.Context, step.Report) error { return s.notes.remove(noteServe) }
