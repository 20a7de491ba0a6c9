package etcd

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// settings are the values of etcd's flags, by name and without dashes, as far as they matter here. etcd's rules: with
// --config-file nothing else counts; else a flag beats the environment, which beats the default.
type settings map[string]string

// Names of the flags that are read. All take a value but the last.
var flagNames = []string{
	"name", "data-dir", "wal-dir", "listen-client-urls", "advertise-client-urls", "initial-advertise-peer-urls",
	"listen-peer-urls", "initial-cluster", "initial-cluster-token", "cert-file", "key-file", "trusted-ca-file",
	"config-file", "client-cert-auth",
}

// invocation is how etcd is started: its arguments without the program, its environment, the directory that it starts in.
type invocation struct {
	program string
	args    []string
	env     map[string]string
	dir     string
	// user and group that it runs as; empty where it runs as the agent does.
	user, group string
}

// settings reads the invocation as etcd would. readFile reads the config file.
func (v invocation) settings(readFile func(string) ([]byte, error)) (settings, error) {
	flags := parseFlags(v.args)
	s := settings{}
	for _, name := range flagNames {
		if value := cmp.Or(flags[name], v.env["ETCD_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))]); value != "" {
			s[name] = value
		}
	}
	if file := s["config-file"]; file != "" {
		path := v.path(file)
		data, err := readFile(path)
		if err != nil {
			return nil, fmt.Errorf("read etcd's config file: %w", err)
		}
		if s, err = parseConfigFile(data); err != nil {
			return nil, fmt.Errorf("read etcd's config file %s: %w", path, err)
		}
	}
	s.complete()
	for _, name := range []string{"data-dir", "wal-dir", "cert-file", "key-file", "trusted-ca-file"} {
		if s[name] != "" {
			s[name] = v.path(s[name])
		}
	}
	return s, nil
}

func (v invocation) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(cmp.Or(v.dir, "/"), name)
}

// complete fills in etcd's defaults.
func (s settings) complete() {
	setDefault := func(name, value string) {
		if s[name] == "" {
			s[name] = value
		}
	}
	setDefault("name", "default")
	setDefault("data-dir", s["name"]+".etcd")
	setDefault("listen-client-urls", "http://localhost:2379")
	setDefault("advertise-client-urls", "http://localhost:2379")
	setDefault("initial-advertise-peer-urls", "http://localhost:2380")
	setDefault("initial-cluster", s["name"]+"="+s["initial-advertise-peer-urls"])
	setDefault("initial-cluster-token", "etcd-cluster")
}

// parseFlags reads arguments by the rules of Go's flag package. What takes no value is not known of flags that are not
// read; it is told by what follows. Words before the first flag belong to a program that starts etcd.
func parseFlags(args []string) map[string]string {
	flags := map[string]string{}
	first := max(0, slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") }))
	for i := first; i < len(args); i++ {
		arg := args[i]
		if len(arg) < 2 || arg[0] != '-' || arg == "--" {
			break // etcd takes no arguments: what follows is not read
		}
		name, value, given := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		if !given && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			value, given = args[i], true
		}
		if slices.Contains(flagNames, name) {
			if !given {
				value = "true"
			}
			flags[name] = value
		}
	}
	return flags
}

// configFile is the part of etcd's config file that is read here.
type configFile struct {
	Name                     string `json:"name"`
	DataDir                  string `json:"data-dir"`
	WALDir                   string `json:"wal-dir"`
	ListenClientURLs         string `json:"listen-client-urls"`
	AdvertiseClientURLs      string `json:"advertise-client-urls"`
	ListenPeerURLs           string `json:"listen-peer-urls"`
	InitialAdvertisePeerURLs string `json:"initial-advertise-peer-urls"`
	InitialCluster           string `json:"initial-cluster"`
	InitialClusterToken      string `json:"initial-cluster-token"`
	Client                   struct {
		CertFile       string `json:"cert-file"`
		KeyFile        string `json:"key-file"`
		TrustedCAFile  string `json:"trusted-ca-file"`
		ClientCertAuth bool   `json:"client-cert-auth"`
	} `json:"client-transport-security"`
}

func parseConfigFile(data []byte) (settings, error) {
	var f configFile
	if err := yaml.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	s := settings{
		"name": f.Name, "data-dir": f.DataDir, "wal-dir": f.WALDir, "listen-client-urls": f.ListenClientURLs,
		"advertise-client-urls": f.AdvertiseClientURLs, "listen-peer-urls": f.ListenPeerURLs,
		"initial-advertise-peer-urls": f.InitialAdvertisePeerURLs, "initial-cluster": f.InitialCluster,
		"initial-cluster-token": f.InitialClusterToken, "cert-file": f.Client.CertFile, "key-file": f.Client.KeyFile,
		"trusted-ca-file": f.Client.TrustedCAFile,
	}
	if f.Client.ClientCertAuth {
		s["client-cert-auth"] = "true"
	}
	for name, value := range s {
		if value == "" {
			delete(s, name)
		}
	}
	return s, nil
}
