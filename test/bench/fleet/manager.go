package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/test/server"
)

// startLimit bounds the start of a server that may have a whole fleet waiting for it.
const startLimit = 5 * time.Minute

// Manager is a holdfast-server that runs, and an administrator's way to it.
type Manager struct {
	*server.Process
	program, dir, listen string
	config               *rest.Config
	web                  *http.Client
	client.Client
}

// StartManager starts a server with a database of its own.
func StartManager(ctx context.Context, program, dir string) (*Manager, error) {
	m := &Manager{program: program, dir: dir, listen: "127.0.0.1:0"}
	if err := m.start(ctx); err != nil {
		return nil, err
	}
	host, err := url.Parse(m.config.Host)
	if err != nil {
		return nil, err
	}
	m.listen = host.Host // for the next start: agents know it
	return m, nil
}

// Token of the manager's administrator.
func (m *Manager) Token() string { return m.config.BearerToken }

func (m *Manager) data() string { return filepath.Join(m.dir, "manager") }

// start starts the server and waits until it is ready.
func (m *Manager) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var err error
	m.Process, err = server.StartProgram(m.program, filepath.Join(m.dir, "manager.log"), passed(),
		"--data-dir", m.data(), "--listen", m.listen, "--advertise-address", "127.0.0.1")
	if err != nil {
		return err
	}
	return await(ctx, "the manager is ready", 100*time.Millisecond, func() (bool, error) {
		if !m.Running() {
			return false, fmt.Errorf("it has ended: %s", m.LogTail())
		}
		return m.ready(ctx)
	})
}

// memoryLimit is what the systemd unit of the server sets.
const memoryLimit = "GOMEMLIMIT=1280MiB"

// passed settings of Go's runtime: those of the unit, and what who measures wants to try.
func passed() []string {
	env := []string{memoryLimit}
	for _, name := range []string{"GOMEMLIMIT", "GOGC", "GODEBUG"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func (m *Manager) ready(ctx context.Context) (bool, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(m.data(), "kubeconfig"))
	if err != nil {
		return false, err
	}
	config.QPS = -1
	if m.web, err = rest.HTTPClientFor(config); err != nil {
		return false, err
	}
	m.config = config
	body, err := m.fetch(ctx, strings.TrimSuffix(config.Host, enroll.PathAPI)+"/readyz")
	if err != nil {
		return false, err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(body.Close(), clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return false, err
	}
	m.Client, err = client.New(config, client.Options{Scheme: scheme, HTTPClient: m.web})
	if err != nil {
		return false, err
	}
	// The kubeconfig of an earlier start is there before this one's server knows its token.
	return true, m.List(ctx, new(corev1.NamespaceList), client.Limit(1))
}

// fetch gets what an address of the manager answers. Whoever asks closes it.
func (m *Manager) fetch(ctx context.Context, address string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := m.web.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s answers %s", address, response.Status), response.Body.Close())
	}
	return response.Body, nil
}

// Address of the manager, as agents are told.
func (m *Manager) Address() string { return "https://" + m.listen }

// revision of the store. Each write raises it by one, whoever makes it.
func (m *Manager) revision(ctx context.Context) (int64, error) {
	var list corev1.NamespaceList
	if err := m.List(ctx, &list, client.Limit(1)); err != nil {
		return 0, err
	}
	return strconv.ParseInt(list.ResourceVersion, 10, 64)
}

// await asks until the answer is yes.
func await(ctx context.Context, what string, every time.Duration, is func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		yes, err := is()
		if yes && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, errors.Join(err, context.Cause(ctx)))
		case <-tick.C:
		}
	}
}
