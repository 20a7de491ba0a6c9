package manager

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// serverKubeconfig is what holdfast-server writes for its own host's administrator.
const serverKubeconfig = "/var/lib/holdfast-server/kubeconfig"

// config returns how to reach the manager, and the file or files that say so.
func (f *Flags) config() (*rest.Config, string, error) {
	loaded, source, err := f.load()
	if err != nil {
		return nil, source, err
	}
	if f.context != "" && loaded.Contexts[f.context] == nil {
		return nil, source, console.Usagef("--context %s: %s has %s", f.context, source, oneOf(contexts(loaded)))
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: f.context}
	config, err := clientcmd.NewNonInteractiveClientConfig(*loaded, f.context, overrides, nil).ClientConfig()
	if err != nil {
		return nil, source, badKubeconfig(source, err)
	}
	return config, source, nil
}

func (f *Flags) load() (*api.Config, string, error) {
	files, source, err := f.files()
	if err != nil {
		return nil, source, err
	}
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: files, WarnIfAllMissing: false}
	loaded, err := rules.Load()
	if err != nil {
		return nil, source, badKubeconfig(source, err)
	}
	return loaded, source, nil
}

// files are those to merge, in kubectl's order.
func (f *Flags) files() (files []string, source string, err error) {
	if f.kubeconfig != "" {
		return []string{f.kubeconfig}, f.kubeconfig, readable(f.kubeconfig, "--kubeconfig")
	}
	if env := f.console.Getenv("KUBECONFIG"); env != "" {
		files = filepath.SplitList(env)
		if len(files) == 1 {
			err = readable(env, "KUBECONFIG")
		}
		return files, env, err
	}
	for _, path := range f.usualPlaces() {
		err := readable(path, "--kubeconfig")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return []string{path}, path, err
	}
	return nil, "", &problem.Error{
		Kind: problem.Usage, Op: "find the manager", Why: "there is no kubeconfig in " + strings.Join(f.usualPlaces(), " or "),
		Next: "pass --kubeconfig or set KUBECONFIG; holdfast-server writes one on its host, and commands below etcd and repo need none",
	}
}

func (f *Flags) usualPlaces() []string {
	var places []string
	if dir := f.console.Getenv("XDG_CONFIG_HOME"); dir != "" {
		places = append(places, filepath.Join(dir, "holdfast", "kubeconfig"))
	} else if home := f.console.Getenv("HOME"); home != "" {
		places = append(places, filepath.Join(home, ".config", "holdfast", "kubeconfig"))
	}
	return append(places, serverKubeconfig)
}

// readable tells why a kubeconfig can't be read. setting is where its name came from.
func readable(path, setting string) error {
	file, err := os.Open(path)
	if err != nil {
		return problem.File("read the kubeconfig", path, setting, err)
	}
	return file.Close()
}

func badKubeconfig(source string, err error) error {
	p := &problem.Error{Kind: problem.Usage, Op: "read the kubeconfig", Subject: source, Err: err, Next: "correct --kubeconfig or KUBECONFIG"}
	if clientcmd.IsEmptyConfig(err) {
		p.Why, p.Err = "it names no server", nil
	}
	return p
}
