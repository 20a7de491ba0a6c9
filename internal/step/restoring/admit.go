package restoring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// admit has this machine's member take another machine into the cluster, or a member elsewhere this one.
type admit struct {
	base
	settings step.AdmitSettings
}

func (s *admit) admission() distro.Admission {
	return distro.Admission{
		ClusterID: s.settings.ClusterID, PeerURLs: s.settings.PeerURLs, Remove: s.settings.Remove, Through: s.settings.Through,
	}
}

// Do implements step.Step. Which member was admitted is noted, for the way back.
func (s *admit) Do(ctx context.Context, report step.Report) (any, error) {
	var evidence step.AdmitEvidence
	err := untilTaken(ctx, report, "the cluster does not take "+s.settings.Machine+" yet", func() error {
		admitted, err := s.Driver.Admit(ctx, s.admission())
		evidence = step.AdmitEvidence(admitted)
		return err
	})
	if err == nil {
		err = s.notes.write(noteAdmit, evidence)
	}
	if err != nil {
		return nil, err
	}
	return evidence, nil
}

// Undo takes the member out again. Those that it replaced do not come back: to the cluster they were lost before.
func (s *admit) Undo(ctx context.Context, report step.Report) error {
	var admitted step.AdmitEvidence
	if _, err := s.notes.read(noteAdmit, &admitted); err != nil {
		return err
	}
	return untilTaken(ctx, report, s.settings.Machine+" can't be taken out of the cluster yet", func() error {
		return s.Driver.Dismiss(ctx, s.admission(), admitted.MemberID)
	})
}

// promote has this machine's member give the new one its vote.
type promote struct {
	base
	settings step.AdmitEvidence
}

// Do implements step.Step. It waits for the new member to start and to catch up.
func (s *promote) Do(ctx context.Context, report step.Report) (any, error) {
	return s.settings, untilTaken(ctx, report, "the new member has no vote yet", func() error {
		return s.Driver.Promote(ctx, distro.Admitted(s.settings))
	})
}

// untilTaken asks again for as long as the cluster is expected to agree later. It ends with ctx, and says what was missing
// last.
func untilTaken(ctx context.Context, report step.Report, waiting string, ask func() error) error {
	last := ""
	for {
		err := ask()
		if err == nil || !errors.Is(err, distro.ErrNotYet) && ctx.Err() == nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", waiting, errors.Join(err, context.Cause(ctx)))
		}
		if text := waiting + ": " + err.Error(); text != last {
			report(text, "")
			last = text
		}
		select {
		case <-time.After(waitPoll):
		case <-ctx.Done():
		}
	}
}

// join makes this machine's member the one that was admitted.
type join struct {
	base
	settings step.AdmitEvidence
}

// Check implements step.Step.
func (s *join) Check(context.Context) error { return s.requireAside() }

// Do implements step.Step.
func (s *join) Do(ctx context.Context, report step.Report) (any, error) {
	if err := errors.Join(s.requireAside(), s.requireStopped(ctx)); err != nil {
		return nil, err
	}
	report("preparing it to join the others", "")
	return s.settings, s.Driver.Join(ctx, distro.Admitted(s.settings))
}
