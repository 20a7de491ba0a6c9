package operation

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// planned makes the plan of a restore, and gives the messages of the checks that failed or warn, by outcome.
func plannedChecks(w *world, r *v1alpha1.EtcdSnapshotRestore) string {
	restores(w, r, time.Minute)
	var text []string
	for _, c := range r.Status.Preflight {
		if c.Outcome == checkFailed || c.Outcome == checkWarning {
			text = append(text, c.Outcome+" "+c.Check+" "+c.Machine+": "+c.Message)
		}
	}
	return strings.Join(text, "\n")
}

func TestTheInitMachineIsChosenByRule(t *testing.T) {
	inS3 := func(w *world) { w.catalog[0].Status.Copies = w.catalog[0].Status.Copies[1:] }
	for name, test := range map[string]struct {
		change func(*world, *v1alpha1.EtcdSnapshotRestore)
		init   string // or what a failed check says
	}{
		"who holds the snapshot":    {func(*world, *v1alpha1.EtcdSnapshotRestore) {}, "b"},
		"who is named":              {func(_ *world, r *v1alpha1.EtcdSnapshotRestore) { r.Spec.InitMachine = "c" }, "c"},
		"in S3: the present one":    {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { inS3(w); w.cluster.Status.InitMachine = "c" }, "c"},
		"in S3: nobody is":          {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { inS3(w); w.cluster.Status.InitMachine = "" }, "a"},
		"in S3: the present is off": {func(w *world, r *v1alpha1.EtcdSnapshotRestore) { inS3(w); off(w, r, "a") }, "b"},
		"in S3: the present is out": {func(w *world, r *v1alpha1.EtcdSnapshotRestore) { inS3(w); r.Spec.ExcludeMachines = []string{"a"} }, "b"},
		"the holder is out":         {func(_ *world, r *v1alpha1.EtcdSnapshotRestore) { r.Spec.ExcludeMachines = []string{"b"} }, "it holds the snapshot, but it is excluded: name another one"},
		"the holder is out, one named": {func(_ *world, r *v1alpha1.EtcdSnapshotRestore) {
			r.Spec.ExcludeMachines, r.Spec.InitMachine = []string{"b"}, "a"
		}, "a"},
		"who is named is off":      {func(w *world, r *v1alpha1.EtcdSnapshotRestore) { off(w, r, "c"); r.Spec.InitMachine = "c" }, "it is named as initMachine, but it has not been heard of"},
		"who is named has no etcd": {func(_ *world, r *v1alpha1.EtcdSnapshotRestore) { r.Spec.InitMachine = "cp1" }, "but it has not the role etcd"},
		"who is named is unknown":  {func(_ *world, r *v1alpha1.EtcdSnapshotRestore) { r.Spec.InitMachine = "x" }, "but the cluster has no such machine"},
		"a survivor":               {func(_ *world, r *v1alpha1.EtcdSnapshotRestore) { r.Spec.Source = v1alpha1.RestoreSource{Survivor: "c"} }, "c"},
		"a survivor, but another named": {func(_ *world, r *v1alpha1.EtcdSnapshotRestore) {
			r.Spec.Source, r.Spec.InitMachine = v1alpha1.RestoreSource{Survivor: "c"}, "a"
		}, "c survives, so it must be the init machine, and not a"},
		"it has no etcd of its own": {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) {
			for _, n := range w.nodes {
				n.Status.Distribution.Datastore = v1alpha1.DatastoreSQLite
			}
		}, "its datastore is sqlite: only an embedded etcd can be restored"},
		"it uses another database": {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) {
			w.nodes["b"].Status.Distribution.Datastore = v1alpha1.DatastoreExternal
		}, "its datastore is external"},
		"it tells no URL": {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { w.nodes["b"].Status.Distribution = nil }, "it does not tell the URL that others join it at"},
	} {
		t.Run(name, func(t *testing.T) {
			w := joinWorld(t, "cp1")
			r := from(snap)
			test.change(w, r)
			checks := plannedChecks(w, r)
			if r.Status.Plan.InitMachine == test.init && !strings.Contains(checks, checkFailed) {
				return
			}
			if len(test.init) < 5 || !strings.Contains(checks, test.init) || !strings.Contains(checks, checkFailed) {
				t.Errorf("init machine %q; %s", r.Status.Plan.InitMachine, checks)
			}
		})
	}
}

// off switches a machine off, and has somebody say so.
func off(w *world, r *v1alpha1.EtcdSnapshotRestore, machine string) {
	n := w.nodes[machine]
	n.down, n.running, n.absent = true, false, true
	r.Spec.ConfirmPoweredOff = append(r.Spec.ConfirmPoweredOff, machine)
}

func TestMachinesArePointedWhereTheyFindTheCluster(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world, *v1alpha1.EtcdSnapshotRestore)
		want   string // who joins through what
	}{
		"the old first server":         {func(*world, *v1alpha1.EtcdSnapshotRestore) {}, "a b,c b"},
		"the init machine stays":       {func(_ *world, r *v1alpha1.EtcdSnapshotRestore) { r.Spec.InitMachine = "a" }, ""},
		"whom they joined is out":      {func(_ *world, r *v1alpha1.EtcdSnapshotRestore) { r.Spec.ExcludeMachines = []string{"a"} }, "c b,cp1 b,w1 b"},
		"whom they joined is off":      {func(w *world, r *v1alpha1.EtcdSnapshotRestore) { off(w, r, "a") }, "c b,cp1 b,w1 b"},
		"a fixed address for all":      {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { joins(w, outside, "a", "c", "cp1", "w1") }, "a b,c b"},
		"by another name of a machine": {func(w *world, r *v1alpha1.EtcdSnapshotRestore) { joins(w, "https://A:6443/", "cp1"); off(w, r, "a") }, "c b,cp1 b,w1 b"},
		"by an address of a machine": {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) {
			w.nodes["b"].Status.Addresses = []string{"10.0.0.2"}
			joins(w, "https://10.0.0.2:6443", "c")
		}, "a b"},
		"a worker behind control plane": {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { joins(w, urlOf("cp1"), "w1") }, "a b,c b"},
		"two control planes in a ring":  {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { joins(w, urlOf("cp1"), "cp1") }, "a b,c b,cp1 b"},
		"one that joined nobody":        {func(w *world, _ *v1alpha1.EtcdSnapshotRestore) { joins(w, "", "cp1", "w1") }, "a b,c b,cp1 b"},
	} {
		t.Run(name, func(t *testing.T) {
			w := joinWorld(t, "cp1", "w1")
			r := from(snap)
			test.change(w, r)
			checks := plannedChecks(w, r)
			var got []string
			for _, p := range r.Status.Plan.Machines {
				if p.Joins != "" {
					got = append(got, p.Machine+" "+strings.TrimSuffix(strings.TrimPrefix(p.Joins, "https://"), ":6443"))
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(got, ",")); diff != "" || strings.Contains(checks, checkFailed) {
				t.Error(diff, checks)
			}
		})
	}
}

func joins(w *world, url string, machines ...string) {
	for _, name := range machines {
		w.nodes[name].Status.Distribution.Joins, w.nodes[name].joins = url, url
	}
}

func TestWhatDoesNotGoTogetherIsFoundBeforeAnythingIsStopped(t *testing.T) {
	config := func(text string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(text)} }
	for name, test := range map[string]struct {
		change func(*world, *v1alpha1.EtcdSnapshotRestore, *v1alpha1.SnapshotFacts)
		want   string // a check; empty when nothing is to be said
	}{
		"all is well": {func(*world, *v1alpha1.EtcdSnapshotRestore, *v1alpha1.SnapshotFacts) {}, ""},
		"another token": {func(_ *world, _ *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) {
			s.TokenDigest = "ffffffffffff"
		},
			"Failed SnapshotToken b: the snapshot was taken under token ffffffffffff, and the machine's is 0123456789ab: give the token by secretName"},
		"another token that is given": {func(_ *world, r *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) {
			s.TokenDigest, r.Spec.SecretName = "ffffffffffff", "token"
		}, ""},
		"a newer minor": {func(_ *world, _ *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) {
			s.KubernetesVersion = "v1.36.0+k3s1"
		},
			"Failed SnapshotVersion b: the snapshot is of v1.36.0+k3s1, and v1.35.2+k3s1 is installed, which is older: set restoreRKEConfig to kubernetesVersion"},
		"a newer patch": {func(_ *world, _ *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) {
			s.KubernetesVersion = "v1.35.9+k3s1"
		}, ""},
		"an older minor": {func(_ *world, _ *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) {
			s.KubernetesVersion = "v1.34.9+k3s1"
		},
			"Warning SnapshotVersion b: the snapshot is of v1.34.9+k3s1, and v1.35.2+k3s1 opens it"},
		"an unknown version": {func(_ *world, _ *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) { s.KubernetesVersion = "" },
			"Warning SnapshotVersion b: nobody knows whether v1.35.2+k3s1 may open it"},
		"an unknown version is to come back": {func(_ *world, r *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) {
			s.KubernetesVersion, r.Spec.RestoreRKEConfig = "", v1alpha1.RestoreKubernetesVersion
		}, "Failed Configuration -: the snapshot does not tell its Kubernetes version"},
		"a newer version comes back": {func(_ *world, r *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) {
			s.KubernetesVersion, r.Spec.RestoreRKEConfig = "v1.36.0+k3s1", v1alpha1.RestoreKubernetesVersion
		}, ""},
		"no configuration to come back": {func(_ *world, r *v1alpha1.EtcdSnapshotRestore, _ *v1alpha1.SnapshotFacts) {
			r.Spec.RestoreRKEConfig = v1alpha1.RestoreAll
		},
			"Failed Configuration -: the snapshot carries no configuration"},
		"a survivor's version": {func(_ *world, r *v1alpha1.EtcdSnapshotRestore, _ *v1alpha1.SnapshotFacts) {
			r.Spec.Source, r.Spec.RestoreRKEConfig = v1alpha1.RestoreSource{Survivor: "b"}, v1alpha1.RestoreAll
		}, "Failed Configuration -: a survivor has the version"},
		"Secrets were encrypted": {func(_ *world, _ *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) {
			s.Config = config(`{"secrets-encryption":"true"}`)
		},
			"Failed SnapshotEncryption b: Secrets are encrypted in the snapshot, and the machine does not"},
		"Secrets were not encrypted": {func(w *world, _ *v1alpha1.EtcdSnapshotRestore, s *v1alpha1.SnapshotFacts) {
			s.Config, w.nodes["b"].Status.Distribution.SecretsEncryption = config(`{}`), true
		}, "Warning SnapshotEncryption b: Secrets are not encrypted in the snapshot"},
		"a worker is silent": {func(w *world, _ *v1alpha1.EtcdSnapshotRestore, _ *v1alpha1.SnapshotFacts) { w.nodes["w1"].down = true },
			"Warning AgentAnswers w1: it has not been heard of"},
		"a control plane is silent": {func(w *world, _ *v1alpha1.EtcdSnapshotRestore, _ *v1alpha1.SnapshotFacts) { w.nodes["cp1"].down = true },
			"Failed AgentAnswers cp1: it has not been heard of"},
	} {
		t.Run(name, func(t *testing.T) {
			w := joinWorld(t, "cp1", "w1")
			r := from(snap)
			test.change(w, r, &w.catalog[0].Spec.SnapshotFacts)
			checks := plannedChecks(w, r)
			if test.want == "" && checks != "" || !strings.Contains(checks, test.want) {
				t.Errorf("%s\nwant %s", checks, test.want)
			}
		})
	}
}

// upgraded is a cluster whose version and configuration have changed since the snapshot, with a machine that was added and
// one that is off.
func upgraded(t *testing.T) (*world, *v1alpha1.EtcdSnapshotRestore) {
	w := joinWorld(t, "cp1", "w1", "w2")
	w.nodes["w2"].down = true
	then, now := &w.catalog[0].Spec.SnapshotFacts, stored("today", "b")
	then.Config = &runtime.RawExtension{Raw: []byte(`{"cluster-cidr":"10.42.0.0/16","disable":["traefik","servicelb"],"tls-san":"old","etcd-s3-secret-key":"***"}`)}
	then.ConfigDigest, then.Backup = "then", "run-1"
	now.Spec.Created.Time, now.Spec.Node, now.Spec.ConfigDigest = w.now, "b", "now"
	now.Spec.Config = &runtime.RawExtension{Raw: []byte(`{"cluster-cidr":"10.42.0.0/16","disable":["traefik"],"debug":"true"}`)}
	of := *w.catalog[0].DeepCopy()
	of.Name, of.Spec.File, of.Spec.Node, of.Spec.Config, of.Spec.ConfigDigest = "snap-c", "snap-c", "c", &runtime.RawExtension{Raw: []byte(`{"node-label":"x=y","tls-san":"old","etcd-s3-secret-key":"***"}`)}, "c"
	of.Status.Copies = of.Status.Copies[:1]
	of.Status.Copies[0].Location, of.Status.Copies[0].Machine = "/snapshots/snap-c", "c"
	w.catalog = append(w.catalog, now, of)
	for _, n := range w.nodes {
		n.Status.DistroVersion, n.version, n.Status.ConfigDigest = "v1.36.1+k3s1", "v1.36.1+k3s1", "now"
	}
	w.nodes["c"].Status.ConfigDigest = "unknown"
	off := w.nodes["a"]
	off.down, off.running, off.absent = true, false, true
	r := from(snap)
	r.Spec.RestoreRKEConfig, r.Spec.ConfirmPoweredOff = v1alpha1.RestoreAll, []string{"a"}
	return w, r
}

func TestThePlanSaysWhatWillChange(t *testing.T) {
	w, r := upgraded(t)
	approve(t, w, r)
	got := strings.Join(append(r.Status.Plan.Text, r.Status.Plan.Changes...), "\n") + "\n"
	golden := filepath.Join("testdata", "plan-join.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestVersionAndConfigurationComeBackBeforeAnythingStarts(t *testing.T) {
	w, r := upgraded(t)
	approve(t, w, r)
	restores(w, r, time.Hour)
	if r.Status.Outcome != v1alpha1.OutcomeRestored {
		t.Fatalf("%s, %s: %s", r.Status.Phase, r.Status.Outcome, r.Status.Message)
	}
	got := map[string]local{}
	for name, n := range w.nodes {
		got[name] = n.local
	}
	const version = "v1.35.2+k3s1"
	own := string(w.catalog[0].Spec.Config.Raw)
	want := map[string]local{
		"a": {"", "v1.36.1+k3s1", ""}, "b": {"", version, own}, "c": {urlOf("b"), version, `{"node-label":"x=y","tls-san":"old","etcd-s3-secret-key":"***"}`},
		"cp1": {urlOf("b"), version, ""}, "w1": {urlOf("b"), version, ""}, "w2": {urlOf("a"), "v1.36.1+k3s1", ""},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(local{})); diff != "" {
		t.Error(diff)
	}
	if b := w.became; b.InitMachine != "b" || b.KubernetesVersion != version || string(b.Config.Raw) != `{"tls-san":"old"}` {
		t.Errorf("the cluster became %+v", b)
	}
}

func TestTheHostOfAURLIsFound(t *testing.T) {
	for joins, want := range map[string]string{
		"https://N1.example.org:6443": "n1.example.org", "https://10.0.0.1:9345/": "10.0.0.1", "https://[fd00::1]:6443": "fd00::1",
		"https://lb": "lb", "": "-", "6443": "-", "https:///x": "-",
	} {
		if got := host(joins); got != want {
			t.Errorf("%s: %s, not %s", joins, got, want)
		}
	}
}
