package saving

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// result words what was found about a subject. The step itself is done whatever was found.
func (m *Machine) result(subject string, err error) v1alpha1.TaskResult {
	r := v1alpha1.TaskResult{Machine: m.Name, Subject: subject, Outcome: v1alpha1.ResultPassed}
	if err != nil {
		r.Outcome, r.Message = v1alpha1.ResultFailed, words(err)
	}
	return r
}

func words(err error) string {
	text := err.Error()
	if next := problem.NextOf(err); next != "" {
		text += "; " + next
	}
	if runes := []rune(text); len(runes) > 1000 {
		text = string(runes[:999]) + "…"
	}
	return text
}

// each does the same to all locations, goes on after one that fails, and ends with the context.
func (m *Machine) each(ctx context.Context, locations []string, report step.Report, do func(location string) error) (any, error) {
	evidence := step.TaskEvidence{Results: []v1alpha1.TaskResult{}}
	for i, location := range locations {
		report(fmt.Sprintf("%s (%d of %d)", location, i+1, len(locations)), "")
		err := do(location)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		evidence.Results = append(evidence.Results, m.result(location, err))
	}
	return evidence, nil
}

// verify tests copies again.
type verify struct {
	*Machine
	nothing
	settings step.VerifySettings
}

// Check implements step.Step.
func (s *verify) Check(context.Context) error {
	_, err := snapshot.ParseLevel(string(s.settings.Level))
	return err
}

// Do implements step.Step.
func (s *verify) Do(ctx context.Context, report step.Report) (any, error) {
	return s.each(ctx, s.settings.Locations, report, func(location string) error {
		repo, entry, err := s.Places.Find(ctx, location)
		if err != nil {
			return err
		}
		defer repo.Close()
		return s.Verify(ctx, repo, *entry, snapshot.Level(s.settings.Level), report)
	})
}

// Verify tests one stored snapshot and records what was shown beside it.
func (m *Machine) Verify(ctx context.Context, repo *place.Repository, e repository.Entry, level snapshot.Level, report step.Report) error {
	if e.Manifest == nil && e.State == repository.StateDamaged {
		return &problem.Error{Kind: problem.Damaged, Op: "verify", Subject: repo.Location(e.File), Why: e.Reason}
	}
	shown, err := snapshot.Verify(ctx, snapshot.VerifyConfig{
		Source: snapshot.StoreSource(repo.Store(), e.Info), Manifest: e.Manifest, Level: level, Prover: m.Prover,
		SpoolDir: m.SpoolDir, Host: m.Places.Host, Now: m.Now, Progress: progress(report),
	})
	if err != nil && !isDamage(err) {
		return repository.Explain("verify", repo.Location(e.File), err)
	}
	return errors.Join(err, keep(ctx, repo, &e, shown))
}

func keep(ctx context.Context, repo *place.Repository, e *repository.Entry, shown *snapshot.Verified) error {
	if e.Manifest == nil {
		return repo.RecordForeign(ctx, e, shown)
	}
	if len(shown.Evidence) == 0 {
		return nil
	}
	e.Manifest.AddEvidence(shown.Evidence...)
	return snapshot.PutManifest(ctx, repo.Store(), e.Manifest)
}

// remove deletes the bytes of copies.
type remove struct {
	*Machine
	nothing
	settings step.DeleteSettings
}

// Check implements step.Step.
func (s *remove) Check(context.Context) error { return nil }

// Do implements step.Step. What is gone already was deleted.
func (s *remove) Do(ctx context.Context, report step.Report) (any, error) {
	return s.each(ctx, s.settings.Locations, report, func(location string) error {
		repo, entry, err := s.Places.Find(ctx, location)
		if problem.KindOf(err) == problem.NotFound && !errors.Is(err, place.ErrNoTarget) {
			return nil
		}
		if err != nil {
			return err
		}
		defer repo.Close()
		if err := repo.Claim(ctx, s.ClusterID, false); err != nil {
			return err
		}
		return repository.Explain("delete", location, repo.Delete(ctx, *entry))
	})
}

// testTarget tries each right on an S3 folder.
type testTarget struct {
	*Machine
	nothing
	op       v1alpha1.PlanOperation
	settings step.TargetSettings
}

// Check implements step.Step.
func (s *testTarget) Check(context.Context) error {
	if s.settings.S3 == nil && s.Places.S3 == nil {
		return place.ErrNoTarget
	}
	return nil
}

// Do implements step.Step.
func (s *testTarget) Do(ctx context.Context, report step.Report) (any, error) {
	evidence := step.TaskEvidence{Results: []v1alpha1.TaskResult{}}
	places, err := s.places(ctx)
	if err != nil {
		evidence.Results = append(evidence.Results, s.result("credentials", err))
		return evidence, nil
	}
	target, err := places.Target()
	if err != nil {
		evidence.Results = append(evidence.Results, s.result("open", err))
		return evidence, nil
	}
	defer target.Close()
	report("trying each right on "+target.Location(""), "")
	for _, probe := range target.Test(ctx) {
		r := s.result(probe.Right, probe.Explain(target.Location("")))
		if probe.Skipped != "" {
			r.Outcome, r.Message = v1alpha1.ResultSkipped, probe.Skipped
		}
		evidence.Results = append(evidence.Results, r)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if slices.ContainsFunc(evidence.Results, func(r v1alpha1.TaskResult) bool { return r.Outcome == v1alpha1.ResultFailed }) {
		return evidence, nil
	}
	// The owner is looked at last: a folder of another cluster is no trouble of rights.
	owner, err := target.Owner(ctx)
	if err == nil && owner != nil && owner.ClusterID != s.ClusterID {
		err = fmt.Errorf("the folder belongs to cluster %s", owner.ClusterID)
	}
	evidence.Results = append(evidence.Results, s.result("ownership", err))
	return evidence, nil
}

// places are the machine's, with the target that the settings name and the keys for that one.
func (s *testTarget) places(ctx context.Context) (place.Places, error) {
	places, given := s.Places, s.settings.S3
	if given == nil {
		return places, nil
	}
	known := places.S3 != nil && given.CredentialSecretName == places.S3.CredentialSecretName
	places.S3 = given
	switch {
	case known:
		return places, nil
	case given.CredentialSecretName == "":
		places.Keys = place.Keys{} // the machine's own role
		return places, nil
	case s.Keys == nil || s.op.SecretName != given.CredentialSecretName:
		return places, fmt.Errorf("read the Secret %s: this machine may not", given.CredentialSecretName)
	}
	var err error
	if places.Keys, err = s.Keys(ctx, s.op); err != nil {
		return places, fmt.Errorf("read the Secret %s: %w", given.CredentialSecretName, err)
	}
	return places, nil
}
