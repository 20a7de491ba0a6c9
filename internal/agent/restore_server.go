package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// A K3s or RKE2 cluster is restored on one server, with the distribution's own reset. The others join it afterwards, each by
// a rejoin of its own: see rejoin_server.go. Nobody here can stop them, so that the restore asks whether they are stopped.

// serverText says what a restore of a server does.
func (r *LocalRestore) serverText(inst *distro.Installation, uid string) []string {
	return []string{
		"Restores " + r.Location + " on this server, which becomes the first of the restored cluster and joins nobody.",
		"It is stopped. Its data in " + inst.DataDir + ", its certificates and keys are moved aside to names that end with .holdfast-" + uid + ".",
		"If anything fails before it serves again, all of that comes back.",
		"Stop the other servers before: they would go on with the old data. Afterwards run on each, one after the other: holdfast-agent rejoin --server " + inst.Distribution.JoinURL,
	}
}

// prepareServer makes sure, before anything is stopped, that a server can be restored.
func (r *LocalRestore) prepareServer(ctx context.Context, d distro.Driver, inst *distro.Installation) error {
	if _, err := d.Belongings(ctx); err != nil {
		return err
	}
	if err := r.secrets.load(); err != nil {
		return err
	}
	var up []string
	for _, host := range others(ctx, inst) {
		if answers(ctx, net.JoinHostPort(host, "2380")) {
			up = append(up, host)
		}
	}
	if len(up) == 0 || r.Alone {
		return nil
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "restore", Subject: r.Location, Why: "other servers of the cluster still run etcd: " + strings.Join(up, ", "),
		Next: "stop them first, with the distribution's killall script or systemctl: they would go on with the old data. Where what answers is none of them, say --others-stopped",
	}
}

// others are the hosts that the other members of this server's cluster are reached at, as far as it knows them.
func others(ctx context.Context, inst *distro.Installation) []string {
	var urls []string
	for one := range strings.SplitSeq(inst.InitialCluster, ",") {
		if _, peer, ok := strings.Cut(one, "="); ok {
			urls = append(urls, peer)
		}
	}
	if member, err := distro.Look(ctx, inst.Client); err == nil { // it may be down, and then it is left at what its files say
		for _, m := range member.Members {
			urls = append(urls, m.PeerURLs...)
		}
	}
	var hosts []string
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || slices.Contains(inst.PeerURLs, raw) {
			continue
		}
		host := u.Hostname()
		if ip := net.ParseIP(host); ip != nil && !ip.IsLoopback() && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// dialTime is what a host gets to answer.
const dialTime = 3 * time.Second

func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// serverSteps are those of a restore of a server.
func (r *LocalRestore) serverSteps(cfg Config, epoch int64) ([]v1alpha1.PlanStep, error) {
	return planSteps(cfg.Now().Add(r.Timeout), []planned{
		{step.FetchSnapshot, "", step.FetchSettings{Copy: step.Copy{Location: r.Location}}},
		{step.Fence, "", nil}, {step.StopDistro, "", nil}, {step.MoveAside, "", nil},
		{step.PointServer, "", step.PointSettings{}},
		{step.RestoreEtcd, "", step.RestoreSettings{}},
		{step.StartDistro, "", nil},
		{step.WaitHealthy, "", step.HealthySettings{Serves: true}},
		{step.Commit, "", step.CommitSettings{Epoch: epoch}},
	})
}

// planSteps makes steps of a plan, all with one deadline.
func planSteps(deadline time.Time, steps []planned) ([]v1alpha1.PlanStep, error) {
	var all []v1alpha1.PlanStep
	for _, s := range steps {
		one := v1alpha1.PlanStep{ID: string(s.kind) + s.suffix, Kind: string(s.kind), Deadline: metav1.NewTime(deadline)}
		if s.settings != nil {
			raw, err := json.Marshal(s.settings)
			if err != nil {
				return nil, fmt.Errorf("plan %s: %w", s.kind, err)
			}
			one.Settings = &runtime.RawExtension{Raw: raw}
		}
		all = append(all, one)
	}
	return all, nil
}
