package etcd

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// getenv serves variables from a map.
func getenv(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestWithoutVariablesTheEnvironmentGivesEtcdctlsDefaults(t *testing.T) {
	got, err := FromEnviron(getenv(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Endpoints: []string{"127.0.0.1:2379"}, InsecureTransport: true, InsecureDiscovery: true,
		DialTimeout: 2 * time.Second, CommandTimeout: 5 * time.Second,
		KeepAliveTime: 2 * time.Second, KeepAliveTimeout: 6 * time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryVariableOfEtcdctlIsUnderstood(t *testing.T) {
	got, err := FromEnviron(getenv(map[string]string{
		"ETCDCTL_API":                      "3",
		"ETCDCTL_ENDPOINTS":                "https://a:2379,b:2379",
		"ETCDCTL_CACERT":                   "/pki/ca.crt",
		"ETCDCTL_CERT":                     "/pki/client.crt",
		"ETCDCTL_KEY":                      "/pki/client.key",
		"ETCDCTL_USER":                     "root",
		"ETCDCTL_PASSWORD":                 "pass:word",
		"ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "true",
		"ETCDCTL_INSECURE_TRANSPORT":       "false",
		"ETCDCTL_DIAL_TIMEOUT":             "3s",
		"ETCDCTL_COMMAND_TIMEOUT":          "1m",
		"ETCDCTL_KEEPALIVE_TIME":           "11s",
		"ETCDCTL_KEEPALIVE_TIMEOUT":        "12s",
		"ETCDCTL_DISCOVERY_SRV":            "example.com",
		"ETCDCTL_DISCOVERY_SRV_NAME":       "blue",
		"ETCDCTL_INSECURE_DISCOVERY":       "false",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Endpoints: []string{"https://a:2379", "b:2379"},
		CACert:    "/pki/ca.crt", Cert: "/pki/client.crt", Key: "/pki/client.key",
		Username: "root", Password: "pass:word",
		InsecureSkipTLSVerify: true,
		DialTimeout:           3 * time.Second, CommandTimeout: time.Minute,
		KeepAliveTime: 11 * time.Second, KeepAliveTimeout: 12 * time.Second,
		DiscoverySRV: "example.com", DiscoverySRVName: "blue",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheUserVariableMayHoldThePassword(t *testing.T) {
	c, err := FromEnviron(getenv(map[string]string{"ETCDCTL_USER": "root:pass:word"}))
	if err != nil {
		t.Fatal(err)
	}
	if c.Username != "root" || c.Password != "pass:word" {
		t.Errorf("got user %q, password %q", c.Username, string(c.Password))
	}
	c, err = FromEnviron(getenv(map[string]string{"ETCDCTL_AUTH_JWT_TOKEN": "abc"}))
	if err != nil || c.Token != "abc" {
		t.Errorf("token %q, error %v", string(c.Token), err)
	}
}

func TestAVariableThatIsNotUnderstoodIsRefusedByName(t *testing.T) {
	for name, want := range map[string]string{
		"ETCDCTL_DIAL_TIMEOUT":             `read the variable ETCDCTL_DIAL_TIMEOUT: "soon" is not a duration such as 5s`,
		"ETCDCTL_INSECURE_SKIP_TLS_VERIFY": `read the variable ETCDCTL_INSECURE_SKIP_TLS_VERIFY: "soon" is neither true nor false`,
	} {
		_, err := FromEnviron(getenv(map[string]string{name: "soon"}))
		if err == nil || err.Error() != want || problem.KindOf(err) != problem.Usage {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestContradictingSettingsAreRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"user without password": {Username: "root"},
		"password without user": {Password: "x"},
		"user and token":        {Username: "root", Password: "x", Token: "y"},
		"negative timeout":      {CommandTimeout: -1},
		"no endpoint":           {Endpoints: []string{}},
		"empty endpoint":        {Endpoints: []string{""}},
		"certificate alone":     {Cert: "/pki/client.crt"},
		"key alone":             {Key: "/pki/client.key"},
	} {
		if c.Endpoints == nil {
			c.Endpoints = []string{"127.0.0.1:2379"}
		}
		if _, err := Dial(t.Context(), c); problem.KindOf(err) != problem.Usage {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAPasswordIsAskedForOnlyWhenAUserHasNone(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want bool
	}{
		{Config{}, false},
		{Config{Username: "root"}, true},
		{Config{Username: "root:x"}, false},
		{Config{Username: "root", Password: "x"}, false},
	} {
		if got := c.cfg.NeedsPassword(); got != c.want {
			t.Errorf("%+v: got %v", c.cfg, got)
		}
	}
}

func TestNoWayOfPrintingASettingShowsASecret(t *testing.T) {
	c := Config{Username: "root", Password: "hunter2", Token: "hunter2"}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("config", "config", c, "password", c.Password)
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c.Password, c.Token), string(asJSON), log.String(),
	} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("secret shown: %s", text)
		}
	}
}
