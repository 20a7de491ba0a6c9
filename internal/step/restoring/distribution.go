package restoring

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// The steps of this file change files alone: the program, the configuration, which server is joined. All of them are in the
// undo set, so none has a way back of its own: what they changed is brought back by the undo of MoveAside.

// kubernetes is a step for machines with a Kubernetes distribution.
type kubernetes struct{ base }

var errNoKubernetes = errors.New("this machine has a plain etcd: there is no Kubernetes distribution to change")

// driver of the distribution.
func (s kubernetes) driver() (distro.Kubernetes, error) {
	k, ok := s.Driver.(distro.Kubernetes)
	if !ok {
		return nil, errNoKubernetes
	}
	return k, nil
}

// Check implements step.Step.
func (s kubernetes) Check(context.Context) error {
	_, err := s.driver()
	return errors.Join(err, s.requireAside())
}

// ready returns the driver of a distribution that is stopped, and whose files can come back.
func (s kubernetes) ready(ctx context.Context) (distro.Kubernetes, error) {
	k, err := s.driver()
	if err != nil {
		return nil, err
	}
	return k, errors.Join(s.requireAside(), s.requireStopped(ctx))
}

// install brings a version.
type install struct {
	kubernetes
	settings step.InstallSettings
}

// Check implements step.Step.
func (s *install) Check(ctx context.Context) error {
	if s.settings.Version == "" {
		return errors.New("install: the settings name no version")
	}
	if err := s.kubernetes.Check(ctx); err != nil {
		return err
	}
	k, err := s.driver()
	if err != nil {
		return err
	}
	return k.Installable(ctx, s.settings.Version)
}

// Do implements step.Step.
func (s *install) Do(ctx context.Context, report step.Report) (any, error) {
	k, err := s.ready(ctx)
	if err != nil {
		return nil, err
	}
	report("installing "+s.settings.Version, "")
	return s.settings, k.Install(ctx, s.settings.Version)
}

// configure writes the configuration.
type configure struct {
	kubernetes
	settings step.ConfigSettings
}

// Check implements step.Step.
func (s *configure) Check(ctx context.Context) error {
	if len(s.settings.Config) == 0 {
		return errors.New("write the configuration: the settings hold none")
	}
	return s.kubernetes.Check(ctx)
}

// Do implements step.Step.
func (s *configure) Do(ctx context.Context, report step.Report) (any, error) {
	k, err := s.ready(ctx)
	if err != nil {
		return nil, err
	}
	given, err := s.given(ctx)
	if err != nil {
		return nil, err
	}
	report("writing the configuration", "")
	return nil, k.Configure(ctx, s.settings.Config, given.values())
}

// point says which server the machine joins.
type point struct {
	kubernetes
	settings step.PointSettings
}

// Do implements step.Step.
func (s *point) Do(ctx context.Context, report step.Report) (any, error) {
	k, err := s.ready(ctx)
	if err != nil {
		return nil, err
	}
	token, err := s.token(ctx, s.settings.Token)
	if err != nil {
		return nil, err
	}
	if s.settings.Server == "" {
		report("making it a first server", "")
	} else {
		report("making it join "+s.settings.Server, "")
	}
	return step.PointSettings{Server: s.settings.Server}, k.Point(ctx, distro.Joining{Server: s.settings.Server, Token: token})
}

// forgetTime is how long an API server that does not answer is asked again.
const forgetTime = 2 * time.Minute

// forget has the restored cluster take machines back that were set up anew since the snapshot.
type forget struct {
	base
	settings step.ForgetSettings
}

// Do implements step.Step.
func (s *forget) Do(ctx context.Context, report step.Report) (any, error) {
	k, err := kubernetes{s.base}.driver()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, forgetTime)
	defer cancel()
	for last := ""; ; {
		err := k.Forget(ctx, s.settings.Nodes)
		if err == nil {
			return s.settings, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		if text := "waiting: " + err.Error(); text != last {
			report(text, "")
			last = text
		}
		select {
		case <-time.After(waitPoll):
		case <-ctx.Done():
		}
	}
}
