package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// LocalRestore is a restore of this machine that no manager asks for: the same steps, from the same journal. In a cluster
// of several members it is run on each machine, with the same file, members and token.
type LocalRestore struct {
	// Location of the snapshot: a path on this machine, or an S3 URI in the cluster's folder.
	Location string
	// InitialCluster and InitialClusterToken of the new cluster, as etcd's flags. Default for the first: what etcd's
	// configuration says; for the second, with one member: a new one.
	InitialCluster, InitialClusterToken string
	// Timeout of each step.
	Timeout time.Duration
	// TokenFile holds the token that a snapshot of K3s or RKE2 was taken under, where the machine has another, and IdentityFile
	// the age identity that opens its escrow.
	TokenFile, IdentityFile string
	// Alone says that no other server of the cluster runs, whatever answers at their addresses.
	Alone bool

	secrets localSecrets
}

// bump is how much revisions are raised, for clients that have seen newer ones.
const bump = 1_000_000_000

// Plan says what a local restore would do. It changes nothing.
func (r *LocalRestore) Plan(ctx context.Context, cfg Config) ([]string, error) {
	_, plan, inst, err := r.prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if inst.Distribution != nil {
		return r.serverText(inst, plan.Operation.UID), nil
	}
	text := []string{
		"Restores " + r.Location + " as member " + inst.Member + " of " + r.InitialCluster + ".",
		"etcd is stopped. Its data in " + inst.DataDir + " is moved aside to " + inst.DataDir + ".holdfast-" + plan.Operation.UID + ".",
		"If anything fails before etcd is healthy again, the old data comes back.",
	}
	if strings.Contains(r.InitialCluster, ",") {
		text = append(text, "Run it on all of these members at the same time, with the same --initial-cluster-token: a majority must start.")
	}
	return text, nil
}

// Run restores, and takes everything back when a step fails before the commit.
func (r *LocalRestore) Run(ctx context.Context, cfg Config, w io.Writer) error {
	a, plan, _, err := r.prepare(ctx, cfg)
	if err != nil {
		return err
	}
	l := a.localRun(plan, w)
	bad, err := l.forward(ctx)
	if bad == nil || err != nil {
		return err
	}
	return l.back(ctx, "restore", bad)
}

// failed is the step that did not succeed: it failed, or a check of the preflight did.
func failed(results []v1alpha1.PlanResult) *v1alpha1.PlanResult {
	for i := range results {
		if results[i].Outcome != v1alpha1.StepDone {
			return &results[i]
		}
	}
	return nil
}

// telling writes a line for each step that ends.
func telling(w io.Writer, last *[]v1alpha1.PlanResult) func(int64, []v1alpha1.PlanResult) {
	told := map[string]v1alpha1.StepOutcome{}
	return func(_ int64, results []v1alpha1.PlanResult) {
		*last = results
		for _, r := range results {
			if r.Outcome != v1alpha1.StepRunning && told[r.ID] != r.Outcome {
				fmt.Fprintln(w, strings.TrimSpace(fmt.Sprintf("%s: %s %s", r.ID, r.Outcome, r.Message)))
			}
			told[r.ID] = r.Outcome
		}
	}
}

// prepare opens what the steps need and makes the plan.
func (r *LocalRestore) prepare(ctx context.Context, cfg Config) (*Agent, v1alpha1.MachinePlanSpec, *distro.Installation, error) {
	var plan v1alpha1.MachinePlanSpec
	a, inst, err := openInstalled(ctx, cfg, "restore")
	if err != nil {
		return nil, plan, nil, err
	}
	server := inst.Distribution != nil
	if server {
		err = r.completeServer(ctx, a, inst)
	} else {
		err = r.complete(inst)
	}
	if err != nil {
		return nil, plan, nil, err
	}
	have, err := restoring.ReadEpoch(cfg.StateDir)
	if err != nil {
		return nil, plan, nil, err
	}
	last, err := a.journal.Plan()
	if err != nil {
		return nil, plan, nil, err
	}
	plan = v1alpha1.MachinePlanSpec{Serial: last.Serial, Operation: &v1alpha1.PlanOperation{Kind: restoreKind, Name: "local", UID: "local-" + random()}}
	if r.secrets.any() {
		plan.Operation.SecretName, plan.Operation.Escrow = localName, r.Location
	}
	if server {
		plan.Steps, err = r.serverSteps(cfg, have.Epoch+1)
	} else {
		plan.Steps, err = r.steps(cfg, inst, have.Epoch+1)
	}
	return a, plan, inst, err
}

// locate makes one name of a path.
func (r *LocalRestore) locate() (err error) {
	if !strings.HasPrefix(r.Location, "s3://") {
		r.Location, err = filepath.Abs(r.Location)
	}
	return err
}

// completeServer makes sure that a server can be restored, and reads what it was given for it.
func (r *LocalRestore) completeServer(ctx context.Context, a *Agent, inst *distro.Installation) error {
	if err := r.locate(); err != nil {
		return err
	}
	r.secrets = localSecrets{TokenFile: r.TokenFile, IdentityFile: r.IdentityFile}
	a.secrets = &r.secrets
	o, _ := a.standing.get()
	return r.prepareServer(ctx, a.driver(o), inst)
}

func random() string {
	var b [4]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

func (r *LocalRestore) complete(inst *distro.Installation) error {
	if err := r.locate(); err != nil {
		return err
	}
	if r.InitialCluster == "" {
		r.InitialCluster = inst.InitialCluster
	}
	if r.InitialClusterToken != "" {
		return nil
	}
	if strings.Contains(r.InitialCluster, ",") {
		return &problem.Error{
			Kind: problem.Usage, Op: "restore", Why: "the cluster has several members and no token is given",
			Next: "choose a new word and pass it as --initial-cluster-token on all of them: an old one would let old members in",
		}
	}
	r.InitialClusterToken = inst.InitialClusterToken + "-" + random()
	return nil
}

// steps are those of any restore.
func (r *LocalRestore) steps(cfg Config, inst *distro.Installation, epoch int64) ([]v1alpha1.PlanStep, error) {
	c := step.Copy{Location: r.Location}
	var members []string
	for one := range strings.SplitSeq(r.InitialCluster, ",") {
		name, _, _ := strings.Cut(one, "=")
		members = append(members, name)
	}
	return planSteps(cfg.Now().Add(r.Timeout), []planned{
		{step.FetchSnapshot, "", step.FetchSettings{Copy: c}},
		{step.Fence, "", nil}, {step.StopDistro, "", nil}, {step.MoveAside, "", nil},
		{step.RestoreEtcd, "", step.RestoreSettings{
			Member: inst.Member, InitialCluster: r.InitialCluster, InitialClusterToken: r.InitialClusterToken, PeerURLs: inst.PeerURLs, BumpRevision: bump,
		}},
		{step.StartDistro, "", nil},
		{step.WaitHealthy, "", step.HealthySettings{Members: members, Revision: bump}},
		{step.Commit, "", step.CommitSettings{Epoch: epoch}},
	})
}
