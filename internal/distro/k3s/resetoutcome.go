package k3s

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/systemd"
)

const (
	resetPoll = 500 * time.Millisecond
	// reportEvery is how often what the program says is passed on: each time is a message to the manager.
	reportEvery = 5 * time.Second
)

// wait returns when the reset has ended. When ctx ends before, the reset goes on: a later call takes it over, or Abandon
// ends it.
func (r *reset) wait(ctx context.Context) (systemd.Run, error) {
	last, reported := "", time.Time{}
	for {
		run, err := r.unit.Run(ctx)
		if err != nil || !run.Running {
			return run, err
		}
		if now := time.Now(); now.Sub(reported) >= reportEvery {
			if said := r.said(); said != last {
				r.cfg.Report("resetting the cluster to the snapshot", said)
				last, reported = said, now
			}
		}
		select {
		case <-time.After(resetPoll):
		case <-ctx.Done():
			return run, fmt.Errorf("the reset of the cluster has not ended: %w", context.Cause(ctx))
		}
	}
}

// output is what the program has said so far: the end of it, if that is much.
func (r *reset) output() string {
	f, err := os.Open(r.path("output"))
	if err != nil {
		return "" // it has said nothing that could be read
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxOutput { // one that does not end may say much
		_, _ = f.Seek(-maxOutput, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(f, maxOutput))
	return string(data)
}

// said is the end of it, for people.
func (r *reset) said() string { return tail(r.output(), r.secrets()...) }

// secrets are those that the program knows.
func (r *reset) secrets() []string {
	all := r.node.allSecrets()
	data, err := os.ReadFile(r.path("token"))
	if err != nil {
		return all
	}
	return append(all, strings.TrimSpace(string(data)))
}

// Words of the program.
const (
	wordsDone      = "Managed etcd cluster membership has been reset"
	wordsToken     = "encrypted with different token"
	wordsBootstrap = "failed to save bootstrap data"
	wordsSealed    = "cipher: message authentication failed"
	// A server without secrets-encryption does not know where to put the keys that are in the snapshot.
	wordsEncryption = "Unable to lookup path to reconcile EncryptionConfig"
	wordsState      = "encryption-state.json"
	wordsBusy       = "address already in use"
	wordsSum        = "expected sha256"
	wordsNoSum      = "snapshot missing hash"
)

// done says whether the program has ended and says that it has worked. Neither alone is enough: it ends with 0 also when
// it was shut down before, and says that it is up and running also during a reset.
func (r *reset) done(ctx context.Context, run systemd.Run) bool {
	output := r.output()
	return run.Known && !run.Running && run.Exit == 0 && run.Result == "success" && strings.Contains(output, wordsDone) && !r.keysLost(ctx, output)
}

// keysLost says whether the program has thrown keys away that Secrets need. It does so, too, with those that no Secret needs
// any more: of a cluster that has stopped encrypting.
func (r *reset) keysLost(ctx context.Context, output string) bool {
	if !strings.Contains(output, wordsEncryption) {
		return false
	}
	h, err := r.held(ctx)
	return err != nil || h.secrets.sealed > 0
}

// failed words why the reset did not work.
func (r *reset) failed(ctx context.Context, run systemd.Run) error {
	output := r.output()
	said := conceal(complaint(output), r.secrets()...)
	e := &problem.Error{
		Kind: problem.Failed, Op: "reset the cluster of " + r.node.flavour.Name + " to", Subject: r.cfg.File, Err: errors.New(said),
		Next: "read all that it said in " + r.path("output"),
	}
	switch {
	case strings.Contains(output, wordsToken), strings.Contains(output, wordsBootstrap):
		return r.wrongToken(errors.New(said))
	case strings.Contains(output, wordsSealed):
		return r.sealedOtherwise(errors.New(said))
	case r.keysLost(ctx, output), strings.Contains(output, wordsState):
		return r.plain(errors.New(said))
	case strings.Contains(output, wordsBusy):
		e.Next = "end what listens on the port that is named, then try again"
	case strings.Contains(output, wordsSum), strings.Contains(output, wordsNoSum):
		e.Kind, e.Why = problem.Damaged, "its bytes are not what they should be: "+said
		e.Next = "restore another copy or snapshot"
	case !run.Known:
		e.Why, e.Next = "somebody stopped it", "try again"
	case run.Result == "timeout":
		e.Kind, e.Why = problem.Unfinished, "it did not end in time; at last it said: "+said
	case run.Result != "success" && run.Exit < 0:
		e.Why = "it was ended (" + run.Result + "); before, it said: " + said
	case run.Exit == 0:
		e.Why = "it ended without having done it; at last it said: " + said
	default:
		e.Why = fmt.Sprintf("it ended with exit code %d: %s", run.Exit, said)
	}
	return e
}

// sealedOtherwise: what the snapshot has filed under the digest of a token does not open with it.
func (r *reset) sealedOtherwise(err error) error {
	return &problem.Error{
		Kind: problem.Damaged, Op: "restore", Subject: r.cfg.File, Err: err,
		Why:  "the certificates and keys in the snapshot do not open with the token under whose digest they are filed: they were damaged, or sealed with another",
		Next: "restore another snapshot, or give the restore the token that they were sealed with: put it in a Secret and name it in the restore (secretName)",
	}
}

// plain refuses a server that knows no keys of Secrets.
func (r *reset) plain(err error) error {
	return &problem.Error{
		Kind: problem.Refused, Op: "restore", Subject: r.cfg.File, Err: err,
		Why:  "the snapshot is of a cluster that encrypts its Secrets, and this server does not",
		Next: "set secrets-encryption: true in " + r.node.configFile() + " on every server, or restore the configuration, too",
	}
}
