package controlplane_test

import (
	"context"
	"strings"
	"testing"

	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// What an object of a kind begins with.
const (
	head     = "\napiVersion: holdfast.dev/v1alpha1\nmetadata: {name: one, namespace: default}\nkind: "
	clusters = head + "Cluster\nspec:\n"
	restore  = head + "EtcdSnapshotRestore\nspec:\n"
	task     = head + "EtcdSnapshotTask\nspec:\n"
)

// Valid ones, to be spoilt by a line.
const (
	cluster = clusters + "  distro: etcd\n"
	s3      = cluster + "  etcd:\n    s3:\n      bucket: backups\n"
	k3s     = clusters + `  distro: k3s
  kubernetesVersion: v1.34.2+k3s1
  etcd:
    snapshotScheduler: holdfast
`
)

func TestWhatIsInvalidIsRefusedWithTheReason(t *testing.T) {
	api := connect(t, start(t))
	for name, test := range map[string]struct{ object, want string }{
		"distro":               {strings.Replace(cluster, "distro: etcd", "distro: eks", 1), `supported values: "k3s", "rke2", "rke", "etcd"`},
		"unknown field":        {cluster + "  snapshots: true", `unknown field "spec.snapshots"`},
		"version of an etcd":   {cluster + "  kubernetesVersion: v1.34.2", "a plain etcd has no Kubernetes version"},
		"version":              {strings.Replace(k3s, "v1.34.2+k3s1", "1.34", 1), "spec.kubernetesVersion"},
		"interval of k3s":      {k3s + "    snapshotIntervalHours: 12", "give snapshotScheduleCron"},
		"cron of rke":          {strings.Replace(k3s, "distro: k3s", "distro: rke", 1) + `    snapshotScheduleCron: "0 1 * * *"`, "give snapshotIntervalHours"},
		"scheduler of an etcd": {cluster + "  etcd: {snapshotScheduler: distribution}", "must be holdfast"},
		"retention":            {k3s + "    snapshotRetention: 0", "should be greater than or equal to 1"},
		"no fields":            {k3s + `    snapshotScheduleCron: "every day"`, "give five fields"},
		"minute":               {k3s + `    snapshotScheduleCron: "60 * * * *"`, "the first field, minute, takes 0 to 59"},
		"weekday":              {k3s + `    snapshotScheduleCron: "0 0 * * 7"`, "the fifth field, day of week, takes 0 to 6"},
		"range":                {k3s + `    snapshotScheduleCron: "0 5-3 * * *"`, "a range ends before it begins"},
		"range of names":       {k3s + `    snapshotScheduleCron: "0 0 * * fri-mon"`, "a range ends before it begins"},
		"scheme":               {s3 + "      endpoint: https://10.0.0.9:9000", "without a scheme"},
		"path":                 {s3 + "      endpoint: 10.0.0.9/backups", "without a path"},
		"bucket":               {strings.Replace(s3, "backups", "Backups", 1) + "      endpoint: a", "spec.etcd.s3.bucket"},
		"no endpoint":          {s3, "spec.etcd.s3.endpoint: Required value"},
		"slash":                {s3 + "      endpoint: a\n      folder: /a", "neither begins nor ends with a slash"},
		"folder":               {s3 + "      endpoint: a\n      folder: a/../b", "can't be"},
		"CA":                   {s3 + "      endpoint: a\n      endpointCA: /etc/ca.crt", "holds no PEM certificate"},
		"timeout":              {s3 + "      endpoint: a\n      timeout: 1ms", "between 1s and 24h"},
		"recipient":            {cluster + "  escrowRecipients: [me]", "spec.escrowRecipients[0]"},
		"secret in config":     {k3s + "  config: {machineGlobalConfig: {token: abc}}", "secrets don't belong here"},
		"no source":            {restore + "  source: {}", "give exactly one of"},
		"two sources":          {restore + "  source: {latestProven: true, snapshot: a}", "give exactly one of"},
		"excluded init":        {restore + "  source: {snapshot: a}\n  initMachine: m\n  excludeMachines: [m]", "initMachine is among excludeMachines"},
		"no snapshots":         {task + "  action: verify", "name the snapshots"},
		"level":                {task + "  {action: delete, snapshots: [a], level: content}", "level is for action verify"},
	} {
		t.Run(name, func(t *testing.T) {
			err := api.create(t.Context(), test.object)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q\ndoes not say %q", err, test.want)
			}
		})
	}
	for _, endpoint := range []string{"s3.example.com", "10.0.0.9", "10.0.0.9:9000", `"[fd00::9]:9000"`, "minio:9000"} {
		if err := api.create(t.Context(), s3+"      endpoint: "+endpoint); err != nil {
			t.Errorf("endpoint %s: %v", endpoint, err)
		}
	}
}

// TestASchedulesRuleIsThatOfTheCronThatRunsIt: k3s, rke2 and our own agents parse schedules with the same library. What
// it takes and the API refuses is only what nobody writes on purpose, such as "*-7".
func TestASchedulesRuleIsThatOfTheCronThatRunsIt(t *testing.T) {
	api := connect(t, start(t))
	number := rapid.SampledFrom([]string{"0", "1", "5", "05", "7", "12", "13", "23", "24", "31", "32", "59", "60", "*", "?", "mon", "SUN", "jan", "Dec", "xyz"})
	field := rapid.Custom(func(t *rapid.T) string {
		text := number.Draw(t, "number")
		if text != "*" && text != "?" && rapid.IntRange(0, 2).Draw(t, "range") == 0 {
			text += "-" + rapid.SampledFrom([]string{"0", "3", "6", "12", "31", "59", "fri", "mar"}).Draw(t, "to")
		}
		return text + rapid.SampledFrom([]string{"", "", "", "/2", "/0", "/x", ",1", ",5-6"}).Draw(t, "rest")
	})
	rapid.Check(t, func(rt *rapid.T) {
		fields := rapid.SliceOfN(field, 4, 6).Draw(rt, "fields")
		text := strings.Join(fields, " ")
		if mixed(text) {
			rt.Skip("a range from a number to a name: the cron takes it, nobody writes it")
		}
		_, want := cron.ParseStandard(text)
		got := api.create(context.Background(), k3s+"    snapshotScheduleCron: \""+text+"\"")
		if (want == nil) != (got == nil) {
			rt.Errorf("%q: the cron says %v, the API %v", text, want, got)
		}
	})
}

func mixed(text string) bool {
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '/' }) {
		from, to, is := strings.Cut(part, "-")
		if is && (from[0] <= '9') != (to[0] <= '9') {
			return true
		}
	}
	return false
}

// api creates objects from YAML.
type api struct{ client dynamic.Interface }

// create finds out whether the server would take an object.
func (a api) create(ctx context.Context, text string) error {
	return a.send(ctx, text, metav1.DryRunAll)
}

func (a api) keep(ctx context.Context, text string) error { return a.send(ctx, text) }

func (a api) send(ctx context.Context, text string, dryRun ...string) error {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		return err
	}
	resource := v1alpha1.GroupVersion().WithResource(strings.ToLower(object.GetKind()) + "s")
	_, err := a.client.Resource(resource).Namespace(object.GetNamespace()).
		Create(ctx, object, metav1.CreateOptions{DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict})
	return err
}

func TestWhatWasAskedForIsCancelledNotChanged(t *testing.T) {
	api := connect(t, start(t))
	const text = "apiVersion: holdfast.dev/v1alpha1\nkind: EtcdSnapshotSave\nmetadata: {name: one, namespace: default}\nspec: {name: before}"
	if err := api.keep(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ patch, want string }{
		{`{"spec":{"name":"after"}}`, "a save can't be changed once it is asked for, only cancelled"},
		{`{"spec":{"name":null}}`, "a save can't be changed once it is asked for, only cancelled"},
		{`{"spec":{"preChange":true}}`, "a save can't be changed once it is asked for, only cancelled"},
		{`{"spec":{"cancel":true}}`, ""},
		{`{"spec":{"cancel":false}}`, "a cancellation can't be taken back"},
	} {
		saves := api.client.Resource(v1alpha1.GroupVersion().WithResource("etcdsnapshotsaves")).Namespace("default")
		_, err := saves.Patch(t.Context(), "one", types.MergePatchType, []byte(step.patch), metav1.PatchOptions{})
		if (step.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("%s: %v", step.patch, err)
		}
	}
}
