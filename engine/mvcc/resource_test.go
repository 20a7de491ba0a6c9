package mvcc

import "testing"

func TestAKeyAloneTellsTheKindOfItsObject(t *testing.T) {
	for key, want := range map[string]string{
		"/registry/pods/default/one":                           "pods",
		"/registry/deployments/default/one":                    "deployments.apps",
		"/registry/services/specs/default/one":                 "services",
		"/registry/minions/node1":                              "nodes",
		"/registry/cert-manager.io/certificates/default/one":   "certificates.cert-manager.io",
		"/registry/apiregistration.k8s.io/apiservices/v1.apps": "apiservices.apiregistration.k8s.io",
		"/registry/":   "registry",
		"/calico/a/b":  "calico",
		"plain":        "plain",
		"":             "",
		"\x00\xff/one": `"\x00\xff"`,
	} {
		if got := ResourceOf([]byte(key)); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}
