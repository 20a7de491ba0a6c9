package mvcc

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// protobufObject is an object as the API server stores built-in resources.
func protobufObject(apiVersion, kind, namespace, name string) string {
	meta := wireText(1, name) + wireText(2, "")
	if namespace != "" {
		meta += wireText(3, namespace)
	}
	meta += wireText(5, "0123-uid") + wireNumber(7, 3)
	raw := wireText(1, meta) + wireText(2, "the spec") + wireText(3, "the status")
	return "k8s\x00" + wireText(1, wireText(1, apiVersion)+wireText(2, kind)) + wireText(2, raw) + wireText(3, "") + wireText(4, "")
}

// jsonObject is an object as the API server stores custom resources.
func jsonObject(apiVersion, kind, namespace, name string) string {
	return fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"annotations":{"a\\\"b":"{[\"kind\":"},"name":%q,"namespace":%q,`+
		`"ownerReferences":[{"kind":"Other","name":"other"}]},"spec":{"kind":"NotMine"}}`+"\n", apiVersion, kind, name, namespace)
}

// shapes is one object of each shape in which keys and values are known to come.
var shapes = []struct{ key, value string }{
	// Built-in resources.
	{"/registry/pods/default/web-1", protobufObject("v1", "Pod", "default", "web-1")},
	{"/registry/pods/default/web-2", protobufObject("v1", "Pod", "default", "web-2")},
	{"/registry/pods/kube-system/dns", protobufObject("v1", "Pod", "kube-system", "dns")},
	{"/registry/deployments/default/web", protobufObject("apps/v1", "Deployment", "default", "web")},
	{"/registry/namespaces/default", protobufObject("v1", "Namespace", "", "default")},
	{"/registry/leases/kube-node-lease/one", protobufObject("coordination.k8s.io/v1", "Lease", "kube-node-lease", "one")},
	{"/registry/clusterroles/system:controller:job", protobufObject("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:controller:job")},
	{"/registry/events/default/web-1.17f", protobufObject("v1", "Event", "default", "web-1.17f")},
	{"/registry/events/default/web-1.18a", protobufObject("events.k8s.io/v1", "Event", "default", "web-1.18a")},
	// Names from before the resources got theirs.
	{"/registry/services/specs/default/web", protobufObject("v1", "Service", "default", "web")},
	{"/registry/services/endpoints/default/web", protobufObject("v1", "Endpoints", "default", "web")},
	{"/registry/minions/node-1", protobufObject("v1", "Node", "", "node-1")},
	{"/registry/controllers/default/old", protobufObject("v1", "ReplicationController", "default", "old")},
	{"/registry/ingress/default/web", protobufObject("networking.k8s.io/v1", "Ingress", "default", "web")},
	{"/registry/podsecuritypolicy/restricted", protobufObject("policy/v1beta1", "PodSecurityPolicy", "", "restricted")},
	// Objects without a name of their own.
	{"/registry/masterleases/10.0.0.1", protobufObject("v1", "Endpoints", "", "")},
	{"/registry/ranges/serviceips", protobufObject("v1", "RangeAllocation", "", "")},
	// Resources with their group in the key.
	{"/registry/apiregistration.k8s.io/apiservices/v1.apps", jsonObject("apiregistration.k8s.io/v1", "APIService", "", "v1.apps")},
	{"/registry/apiextensions.k8s.io/customresourcedefinitions/a.example.com", jsonObject("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "a.example.com")},
	{"/registry/cert-manager.io/certificates/default/web", jsonObject("cert-manager.io/v1", "Certificate", "default", "web")},
	{"/registry/example.com/controllers/default/mine", jsonObject("example.com/v1", "Controller", "default", "mine")},
	{"/registry/helm.cattle.io/helmcharts/kube-system/x", "\xd9\xd9\xf7\xa1\x61a\x01"},
	// Another --etcd-prefix, of one segment and of two.
	{"/kubernetes.io/pods/default/web", protobufObject("v1", "Pod", "default", "web")},
	{"/kubernetes.io/services/specs/default/web", protobufObject("v1", "Service", "default", "web")},
	{"/clusters/blue/configmaps/default/settings", protobufObject("v1", "ConfigMap", "default", "settings")},
	{"/clusters/blue/example.com/widgets/default/w", jsonObject("example.com/v1", "Widget", "default", "w")},
	{"registry/secrets/default/no-slash", protobufObject("v1", "Secret", "default", "no-slash")},
	// Encrypted at rest.
	{"/registry/secrets/default/token", "k8s:enc:aescbc:v1:key1:\x8f\x02ciphertext"},
	{"/registry/secrets/default/other", "k8s:enc:aescbc:v1:key1:\x00\x01ciphertext"},
	{"/registry/secrets/default/kms", "k8s:enc:kms:v2:vault:\x0a\x10ciphertext"},
	{"/registry/deployments/default/hidden", "k8s:enc:secretbox:v1:k:\x01"},
	{"/registry/minions/hidden", "k8s:enc:secretbox:v1:k:\x01"},
	{"/registry/services/specs/default/hidden", "k8s:enc:secretbox:v1:k:\x01"},
	{"/registry/example.com/widgets/default/hidden", "k8s:enc:secretbox:v1:k:\x01"},
	// Readable and plain: encryption was turned on later.
	{"/registry/secrets/default/plain", protobufObject("v1", "Secret", "default", "plain")},
	// Not Kubernetes.
	{"/bootstrap/3fa1", "AAAA:encrypted by k3s"},
	{"compact_rev_key", "4711"},
	{"/registry/health", "{\"health\":\"true\"}"},
	{"/terminal/\x1b[2J", "\x1b"},
	{"\xff\xfe", ""},
	// Garbage that begins like an object.
	{"/registry/broken/default/a", "k8s\x00\xff\xff\xff"},
	{"/registry/broken/default/b", "k8s\x00"},
	{"/registry/broken/default/c", `{"apiVersion":"v1","kind":`},
	{"/registry/broken/default/d", `{"apiVersion":{"kind":"Pod"}}`},
	{"/registry/broken/default/e", "k8s:enc:"},
	{"/registry/broken/default/f", "{"},
}

func TestStatsNameEveryShapeOfObject(t *testing.T) {
	s := boot(t, filepath.Join(t.TempDir(), "db"))
	for _, o := range shapes {
		s.put(o.key, o.value)
	}
	s.put("/registry/pods/default/gone", protobufObject("v1", "Pod", "default", "gone"))
	s.delete("/registry/pods/default/gone")
	s.put("compact_rev_key", "4712")
	s.snapshot(s.path + ".snapshot")
	s.stop()
	f := openFor(t, s.path+".snapshot")
	stats, err := f.Stats(background)
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "testdata/stats.golden", table(stats.Rows))

	content, err := f.Content(background)
	if err != nil {
		t.Fatal(err)
	}
	var sum Stats
	for _, row := range stats.Rows {
		sum.Objects += row.Objects
		sum.LiveBytes += row.Bytes
	}
	want := Stats{
		Revision:   content.Head.Revision,
		Objects:    content.LiveKeys,
		LiveBytes:  content.LiveBytes,
		OldRecords: 3,
		OldBytes:   content.OldBytes,
		FreeBytes:  content.Structure.FreePages * int64(content.Head.PageSize),
		Size:       content.Head.Size,
	}
	stats.Rows = nil
	if diff := cmp.Diff(want, stats); diff != "" {
		t.Error(diff)
	}
	if sum.Objects != want.Objects || sum.LiveBytes != want.LiveBytes {
		t.Errorf("the rows add up to %d objects and %d bytes", sum.Objects, sum.LiveBytes)
	}
}

func table(rows []Row) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RESOURCE\tNAMESPACE\tAPIVERSION\tKIND\tOBJECTS\tBYTES\tENCRYPTED\tPROVIDER\tFOREIGN")
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%v\n", dash(r.Resource), dash(r.Namespace), dash(r.APIVersion),
			dash(r.Kind), r.Objects, r.Bytes, r.Encrypted, dash(r.Provider), r.Foreign)
	}
	_ = w.Flush()
	return b.Bytes()
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Error(diff)
	}
}

// Keys and values are anybody's: a row must hold nothing that a terminal would act on.
func TestStatsOfAnyBytesArePrintable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefixes := rapid.SampledFrom([]string{"", "k8s\x00", "k8s:enc:", "{\"apiVersion\":\"v1\",\"kind\":\"", "\xd9\xd9\xf7"})
		junk := rapid.SliceOfN(rapid.Byte(), 0, 300)
		value := append([]byte(prefixes.Draw(t, "prefix")), junk.Draw(t, "value")...)
		id := identify(junk.Draw(t, "key"), value)
		row := id.row()
		for _, s := range []string{row.Resource, row.APIVersion, row.Kind, row.Namespace, row.Provider} {
			for _, c := range []byte(s) {
				if c < ' ' || c > '~' {
					t.Fatalf("%q in %+v", c, row)
				}
			}
		}
	})
}

func TestRowsAreBounded(t *testing.T) {
	rows := make(rowSet)
	const more = 5
	for i := range maxRows + more {
		rows.add(identity{resource: fmt.Appendf(nil, "r%d", i), foreign: true}, 10)
	}
	all := rows.sorted()
	if len(all) != maxRows+1 {
		t.Errorf("%d rows", len(all))
	}
	if diff := cmp.Diff(Row{Resource: "(more)", Foreign: true, Objects: more, Bytes: 10 * more}, all[0]); diff != "" {
		t.Error(diff)
	}
}

func FuzzIdentify(f *testing.F) {
	for _, o := range shapes {
		f.Add([]byte(o.key), []byte(o.value))
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		id := identify(key, value)
		if row := id.row(); row.Foreign && row.Provider != "" {
			t.Errorf("%+v", row)
		}
	})
}
